"""Each setting of each source of images changes the images, their labels or how they are drawn."""

from __future__ import annotations

import io
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from PIL import Image

from ganlab.data import SOURCES, ImageSet, Source
from tests.data.test_lsun import write as write_lmdb

FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
IMAGES = (("size", 12), ("crop", "stretch"), ("classes", ("cat",)), ("limit", 3), ("held_out", 2), ("flip", True))
COLOURS = (("color", "grey"), ("background", "black"), ("range", (0.0, 100.0)))


def pictures(count: int = 8, height: int = 20, width: int = 28, channels: int = 4) -> np.ndarray:
    """Smooth and transparent in part, so that crop, size, colour and background all matter."""
    y, x, n = np.mgrid[:height, :width, :count]
    values = np.stack([5 * y + 9 * n, 6 * x, 3 * (x + y), 255 * (x > y)][:channels], axis=-1)
    return (values % 256).astype(np.uint8).transpose(2, 0, 1, 3)


def folder(root: Path) -> Path:
    for part in ("train", "test"):
        for number, picture in enumerate(pictures()):
            place = root / part / ("cat", "dog")[number % 2]
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture + (part == "test")).save(place / f"{number}.png")
    return root


def zipped(root: Path) -> Path:
    files = folder(root / "files")
    with zipfile.ZipFile(root / "all.zip", "w") as archive:
        for file in sorted(files.rglob("*.png")):
            archive.write(file, file.relative_to(files))
    return root / "all.zip"


def tarred(root: Path) -> Path:
    files = folder(root / "files")
    with tarfile.open(root / "all.tar", "w") as archive:
        archive.add(files, ".")
    return root / "all.tar"


def arrays(root: Path) -> Path:
    labels = np.arange(8) % 2
    np.savez(root / "all.npz", images=pictures(), labels=labels, other=pictures()[::-1], kinds=labels[::-1])
    return root / "all.npz"


def lsun(root: Path) -> Path:
    files = []
    for picture in pictures(channels=3):
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "PNG")
        files.append(file.getvalue())
    write_lmdb(root / "bedroom_train_lmdb", files)
    write_lmdb(root / "bedroom_val_lmdb", files[:3])
    write_lmdb(root / "bridge_train_lmdb", files[3:])
    return root


def huggingface(root: Path) -> Path:
    datasets = pytest.importorskip("datasets", reason="needs the package datasets")
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=["cat", "dog"])})
    columns = {"image": [Image.fromarray(one) for one in pictures()], "label": [number % 2 for number in range(8)]}
    both = {
        "train": datasets.Dataset.from_dict(columns, features=features),
        "test": datasets.Dataset.from_dict({key: value[:3] for key, value in columns.items()}, features=features),
    }
    datasets.DatasetDict(both).save_to_disk(root / "saved")
    return root / "saved"


def mnist(root: Path) -> Path:
    """The file format of MNIST with few images; the other data sets of torchvision differ in their reader alone."""
    for name in ("MNIST", "FashionMNIST"):
        raw = root / name / "raw"
        raw.mkdir(parents=True)
        for part, shift in (("train", 0), ("t10k", 7)):
            images = (np.arange(40 * 28 * 28).reshape(40, 28, 28) % 251 + shift + 3 * len(name)).astype(np.uint8)
            header = np.array([0x803, 40, 28, 28], ">i4").tobytes()
            (raw / f"{part}-images-idx3-ubyte").write_bytes(header + images.tobytes())
            labels = (np.arange(40) % 10).astype(np.uint8)
            (raw / f"{part}-labels-idx1-ubyte").write_bytes(np.array([0x801, 40], ">i4").tobytes() + labels.tobytes())
    return root


def copied(path: Path) -> Path:
    """Other images at another place: a copy without one of the images or files."""
    other = path.parent.parent / "other" / path.name
    if path.is_dir():
        shutil.copytree(path, other)
        victim = sorted(one for one in other.rglob("*") if one.is_file())[-1]
        victim.unlink()
        return other
    other.parent.mkdir()
    if path.suffix == ".npz":
        with np.load(path) as content:
            np.savez(other, **{**content, "images": content["images"][::-1]})
    elif path.suffix == ".zip":
        with zipfile.ZipFile(path) as old, zipfile.ZipFile(other, "w") as new:
            for name in old.namelist()[:-1]:
                new.writestr(name, old.read(name))
    else:
        with tarfile.open(path) as old, tarfile.open(other, "w") as new:
            for member in old.getmembers()[:-1]:
                new.addfile(member, old.extractfile(member) if member.isfile() else None)
    return other


FEW = {"download": False}
# The files of a source, the settings that it starts from, and what is changed.
MADE: dict[str, tuple[Callable[[Path], Path], dict[str, Any], tuple[tuple[str, Any], ...]]] = {
    "image_folder": (folder, {"size": 16, "split": "train"}, (*IMAGES, *COLOURS, ("split", "test"))),
    "zip": (zipped, {"size": 16, "split": "train"}, (*IMAGES, *COLOURS, ("split", "test"))),
    "tar": (tarred, {"size": 16, "split": "train"}, (*IMAGES, *COLOURS, ("split", "test"))),
    "arrays": (
        arrays,
        {"size": 16, "images": "images", "labels": "labels"},
        (
            *(change for change in IMAGES if change[0] != "classes"), *COLOURS,
            ("classes", (1,)), ("images", "other"), ("labels", "kinds"),
        ),
    ),
    "lsun": (
        lsun,
        {"size": 16, "category": "bedroom", "split": "train"},
        (*(change for change in IMAGES if change[0] != "classes"), ("category", "bridge"), ("split", "val")),
    ),
    "huggingface": (
        huggingface,
        {"size": 16, "split": "train"},
        (*IMAGES, *COLOURS, ("split", "test")),
    ),
    "fonts": (
        lambda root: FONTS,
        {"size": 16, "characters": "AB", "limit": 6},
        (("size", 12), ("classes", ("A",)), ("limit", 3), ("held_out", 2), ("characters", "AC"), ("ink", "black"), ("margin", 0.3)),
    ),
    "stacked_digits": (
        lambda root: root,
        {"size": 16, "limit": 200},
        (("size", 12), ("limit", 100), ("held_out", 5), ("classes", (123, 321))),
    ),
    "stacked_mnist": (
        mnist,
        {"size": 16, "limit": 200, **FEW},
        (("size", 12), ("limit", 100), ("held_out", 5)),
    ),
    "torchvision": (
        mnist,
        {"dataset": "MNIST", "channels": 1, "size": 16, "split": "train", "all_classes": 10, **FEW},
        (
            ("size", 12), ("limit", 3), ("held_out", 2), ("flip", True), ("classes", (1, 3)), ("split", "test"),
            ("dataset", "FashionMNIST"), ("channels", 3), ("all_classes", 0),
        ),
    ),
}  # fmt: skip


def seen(source: Source) -> Any:
    """All that training can see of a source: an image set, or the sentence that refuses it."""
    opened: ImageSet = source.open()
    labels = None if opened.labels is None else opened.labels.tolist()
    held_out = opened.held_out.tolist()
    return (opened.images[:].tolist(), labels, opened.classes, opened.rows.tolist(), held_out, opened.flip)


CHANGES = [(name, field, value) for name, (_, _, changes) in MADE.items() for field, value in changes]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Source, Any]]:
    """Each source with what it shows, made once."""
    known: dict[str, tuple[Source, Any]] = {}

    def make(name: str) -> tuple[Source, Any]:
        if name not in known:
            files, settings, _ = MADE[name]
            root = files(tmp_path_factory.mktemp(name))
            key = "dataset" if name == "huggingface" else "root"
            placed = {} if name == "stacked_digits" else {key: str(root)}
            source = SOURCES[name](**placed, **settings)  # type: ignore[call-arg]
            known[name] = source, seen(source)
        return known[name]

    return make


@pytest.mark.parametrize(("name", "field", "value"), CHANGES, ids=[f"{name}.{field}" for name, field, _ in CHANGES])
def test_changing_it_changes_the_images(
    name: str, field: str, value: Any, made: Callable[[str], tuple[Source, Any]]
) -> None:
    source, before = made(name)
    changed = replace(source, **{field: value})  # type: ignore[type-var]
    assert seen(changed) != before


@pytest.mark.parametrize("name", [name for name in MADE if name not in ("stacked_digits", "fonts")])
def test_another_place_has_other_images(name: str, made: Callable[[str], tuple[Source, Any]], tmp_path: Path) -> None:
    source, before = made(name)
    files = MADE[name][0]
    key = "dataset" if name == "huggingface" else "root"
    if name in ("image_folder", "zip", "tar", "arrays"):
        (tmp_path / "one").mkdir()
        other = copied(files(tmp_path / "one"))
        assert seen(replace(source, **{key: str(other)})) != before  # type: ignore[type-var]
    else:
        from ganlab.errors import UserError

        with pytest.raises(UserError, match="nowhere"):
            replace(source, **{key: str(tmp_path / "nowhere")}).check()  # type: ignore[type-var]
