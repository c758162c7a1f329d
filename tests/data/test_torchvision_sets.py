"""torchvision's data sets: each option of configs/data, read from small files in the set's own format."""

from __future__ import annotations

import bz2
import gzip
import json
import pickle
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
import torchvision.datasets
import yaml
from PIL import Image

from ganlab.config.compose import composer, config_folder
from ganlab.config.dump import dump
from ganlab.config.parse import parse
from ganlab.config.settings import Settings
from ganlab.data.source import ImageSet
from ganlab.data.torchvision_sets import SETS, TorchvisionSet
from ganlab.errors import UserError

READERS = torchvision.datasets


def option(name: str, root: Path, **changes: Any) -> TorchvisionSet:
    """What ``data=NAME data.root=ROOT data.download=false`` stands for."""
    plain = yaml.safe_load((config_folder() / "data" / f"{name}.yaml").read_text())
    assert plain.pop("name") == "torchvision"
    return parse(TorchvisionSet, plain | {"root": str(root), "download": False} | changes)


def opened(source: TorchvisionSet) -> ImageSet:
    source.check()
    found = source.open()
    assert found.image_shape == source.image_shape
    assert len(found.classes) == source.class_count
    return found


def noise(*shape: int) -> np.ndarray:
    """Pixels of which no row is a column, and no channel another."""
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def photographs(count: int, size: int = 64) -> list[Image.Image]:
    """Image i has red i, a blue that falls from left to right and a green that grows downwards; JPEG keeps that."""
    row = np.linspace(0, 255, size)
    pictures = np.zeros((count, size, size, 3))
    pictures[..., 0] = np.arange(count)[:, None, None]
    pictures[..., 1], pictures[..., 2] = row[:, None], 255 - row
    return [Image.fromarray(one.astype(np.uint8)) for one in pictures]


def as_saved(files: list[Path]) -> np.ndarray:
    return np.stack([np.asarray(Image.open(file).convert("RGB")) for file in files])


def save(file: Path, image: Image.Image) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    image.save(file)
    return file


def write_idx(file: Path, array: np.ndarray) -> None:
    """The format of MNIST's files: a zero, the type, the number of sides, the sides, the numbers, high bytes first."""
    kind = {"uint8": 8, "int32": 12}[array.dtype.name]
    file.parent.mkdir(parents=True, exist_ok=True)
    sides = np.array(array.shape, ">i4").tobytes()
    file.write_bytes(bytes([0, 0, kind, array.ndim]) + sides + array.astype(array.dtype.newbyteorder(">")).tobytes())


def original(part: str) -> tuple[np.ndarray, np.ndarray]:
    """MNIST's images (N, 28, 28) and labels (N,), read by hand."""
    folder = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "mnist"
    images = gzip.decompress((folder / f"{part}-images-idx3-ubyte.gz").read_bytes())[16:]
    labels = gzip.decompress((folder / f"{part}-labels-idx1-ubyte.gz").read_bytes())[8:]
    return np.frombuffer(images, np.uint8).reshape(-1, 28, 28), np.frombuffer(labels, np.uint8)


# ------------------------------------------------------------------------------------------------- sets that are arrays


@pytest.mark.parametrize("name", ["mnist", "torchvision"])
def test_mnist_is_the_original(name: str, mnist_root: Path) -> None:
    found = opened(option(name, mnist_root))
    images, labels = original("train")
    np.testing.assert_array_equal(found.images[..., 0], images)
    np.testing.assert_array_equal(found.labels, labels)
    assert found.labels is not None
    assert (found.labels.dtype, found.images.shape, found.flip) == (np.int64, (60000, 28, 28, 1), False)
    assert found.classes[3] == "3 - three"
    assert found.images.mean() / 255 == pytest.approx(0.1307, abs=1e-4)  # the figure everybody quotes


@pytest.mark.parametrize(("name", "folder"), [("fashion_mnist", "FashionMNIST"), ("kmnist", "KMNIST")])
def test_sets_in_mnists_format(name: str, folder: str, mnist_root: Path, tmp_path: Path) -> None:
    (tmp_path / folder).symlink_to(mnist_root / "MNIST")
    found = opened(option(name, tmp_path, split="test"))
    images, labels = original("t10k")
    np.testing.assert_array_equal(found.images[..., 0], images)
    np.testing.assert_array_equal(found.labels, labels)
    assert found.classes[8] == {"fashion_mnist": "Bag", "kmnist": "re"}[name]


def test_emnist_stands_upright(mnist_root: Path, tmp_path: Path) -> None:
    """Its files hold columns for rows: MNIST's own digits lie in them transposed."""
    images, labels = original("t10k")
    raw = tmp_path / "EMNIST" / "raw"
    write_idx(raw / "emnist-mnist-test-images-idx3-ubyte", images.swapaxes(1, 2))
    write_idx(raw / "emnist-mnist-test-labels-idx1-ubyte", labels)
    found = opened(option("emnist", tmp_path, split="test", options={"split": "mnist"}, all_classes=10))
    np.testing.assert_array_equal(found.images[..., 0], images)
    np.testing.assert_array_equal(found.labels, labels)


def test_emnist_as_its_option_stands(tmp_path: Path) -> None:
    raw, written = tmp_path / "EMNIST" / "raw", noise(94, 28, 28)
    write_idx(raw / "emnist-balanced-train-images-idx3-ubyte", written)
    write_idx(raw / "emnist-balanced-train-labels-idx1-ubyte", np.arange(94, dtype=np.uint8) % 47)
    found = opened(option("emnist", tmp_path))
    np.testing.assert_array_equal(found.images[..., 0], written.transpose(0, 2, 1))
    assert found.labels is not None
    assert found.labels.tolist() == [*range(47), *range(47)]
    assert (found.classes[9:11], found.classes[36]) == (("9", "A"), "a")
    some = opened(option("emnist", tmp_path, classes=["a", "A"]))
    assert some.labels is not None
    assert (some.labels.tolist(), some.classes) == ([1, 0, 1, 0], ("a", "A"))
    write_idx(raw / "emnist-letters-train-images-idx3-ubyte", written)
    write_idx(raw / "emnist-letters-train-labels-idx1-ubyte", np.arange(94, dtype=np.uint8) % 26 + 1)
    with pytest.raises(UserError, match=r"data\.all_classes=47: EMNIST has 27 .*; type data\.all_classes=27"):
        option("emnist", tmp_path, options={"split": "letters"}).open()
    assert len(opened(option("emnist", tmp_path, options={"split": "letters"}, all_classes=27))) == 94
    assert len(opened(option("emnist", tmp_path, options={"split": "letters"}, all_classes=0))) == 94


def test_qmnist_takes_the_digit_of_its_eight_columns(tmp_path: Path) -> None:
    raw, written = tmp_path / "QMNIST" / "raw", noise(20, 28, 28)
    labels = np.arange(160, dtype=np.int32).reshape(8, 20).T.copy()
    labels[:, 0] = np.arange(20) % 10
    write_idx(raw / "qmnist-train-images-idx3-ubyte", written)
    write_idx(raw / "qmnist-train-labels-idx2-int", labels)
    found = opened(option("qmnist", tmp_path))
    np.testing.assert_array_equal(found.images[..., 0], written)
    np.testing.assert_array_equal(found.labels, labels[:, 0])
    with pytest.raises(UserError, match=r"data\.split=test10: no such option; did you mean data\.split=test10k"):
        option("qmnist", tmp_path, split="test10").check()


def test_usps(tmp_path: Path) -> None:
    written = noise(20, 256)
    lines = [
        " ".join([str(number % 10 + 1), *(f"{i + 1}:{value / 127.5 - 1:.6f}" for i, value in enumerate(pixels))])
        for number, pixels in enumerate(written)
    ]
    (tmp_path / "usps.bz2").write_bytes(bz2.compress("\n".join(lines).encode()))
    found = opened(option("usps", tmp_path))
    np.testing.assert_allclose(found.images[..., 0], written.reshape(-1, 16, 16), atol=1.01)  # torchvision cuts off
    assert found.labels is not None
    assert found.labels.tolist() == [*range(10), *range(10)]


@pytest.mark.parametrize(("name", "count"), [("cifar10", 10), ("cifar100", 100)])
def test_cifar(name: str, count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = getattr(READERS, name.upper())
    rows, labels = noise(5 * 100, 3072), np.arange(500) % count
    folder = tmp_path / reader.base_folder
    folder.mkdir()
    for part in ("train_list", "test_list"):
        files = [file for file, _ in getattr(reader, part)]
        for number, file in enumerate(files):
            here = slice(100 * number, 100 * (number + 1)) if len(files) > 1 else slice(None)
            batch = {"data": rows[here], "labels" if count == 10 else "fine_labels": labels[here].tolist()}
            (folder / file).write_bytes(pickle.dumps(batch))
        monkeypatch.setattr(reader, part, [[file, None] for file in files])  # these have checksums of their own
    words = [f"class {number}" for number in range(count)]
    (folder / reader.meta["filename"]).write_bytes(pickle.dumps({reader.meta["key"]: words}))
    monkeypatch.setattr(reader, "meta", reader.meta | {"md5": None})
    found = opened(option(name, tmp_path))
    expected = np.empty((500, 32, 32, 3), np.uint8)
    for channel in range(3):  # all of red, then all of green, then all of blue, each row by row
        expected[..., channel] = rows[:, 1024 * channel :][:, :1024].reshape(-1, 32, 32)
    np.testing.assert_array_equal(found.images, expected)
    np.testing.assert_array_equal(found.labels, labels)
    assert found.classes == tuple(words)
    grey = opened(option(name, tmp_path, channels=1, size=[16, 20], limit=3, flip=True))
    assert (grey.images.shape, grey.flip) == ((3, 16, 20, 1), True)


def test_svhn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = noise(20, 32, 32, 3)
    labels = np.arange(1, 21).reshape(20, 1) % 10
    scipy.io.savemat(
        tmp_path / "train_32x32.mat", {"X": written.transpose(1, 2, 3, 0), "y": np.where(labels == 0, 10, labels)}
    )
    monkeypatch.setitem(READERS.SVHN.split_list, "train", ["", "train_32x32.mat", None])
    found = opened(option("svhn", tmp_path))
    np.testing.assert_array_equal(found.images, written)
    np.testing.assert_array_equal(found.labels, labels[:, 0])


# -------------------------------------------------------------------------------------------------- sets that are files


@pytest.fixture
def celeba(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    folder = tmp_path / "celeba"
    names = [f"{number + 1:06}.jpg" for number in range(6)]
    files = [
        save(folder / "img_align_celeba" / name, one.resize((178, 218)))
        for name, one in zip(names, photographs(6), strict=True)
    ]
    for file, columns in (("list_attr", 40), ("list_bbox", 4), ("list_landmarks_align", 10)):
        rows = [f"{name} {' '.join(['-1'] * columns)}" for name in names]
        header = ["6", " ".join(f"column{number}" for number in range(columns))]
        (folder / f"{file}_celeba.txt").write_text("\n".join([*header, *rows]))
    (folder / "identity_CelebA.txt").write_text("\n".join(f"{name} {i + 7}" for i, name in enumerate(names)))
    parts = [0, 2, 0, 1, 0, 0]
    (folder / "list_eval_partition.txt").write_text("\n".join(f"{n} {p}" for n, p in zip(names, parts, strict=True)))
    monkeypatch.setattr(READERS.CelebA, "file_list", [(one, None, name) for one, _, name in READERS.CelebA.file_list])
    return files


def test_celeba(celeba: list[Path], tmp_path: Path) -> None:
    found = opened(option("celeba", tmp_path))
    middle = [Image.open(file).crop((0, 20, 178, 198)).resize((64, 64), Image.Resampling.LANCZOS) for file in celeba]
    expected = np.stack([np.asarray(one) for one in middle]).astype(int)
    assert np.abs(found.images - expected).max() <= 1  # rounded once less
    assert (found.labels, found.classes) == (None, ())
    train = opened(option("celeba", tmp_path, size=[218, 178], split="train"))
    np.testing.assert_array_equal(train.images, as_saved([celeba[0], celeba[2], celeba[4], celeba[5]]))
    known = opened(
        option("celeba", tmp_path, options={"target_type": "identity"}, all_classes=13, split="train", classes=[7, 11])
    )
    assert known.labels is not None
    assert (known.labels.tolist(), known.classes) == ([0, 1], ("7", "11"))
    with pytest.raises(UserError, match=r"data\.all_classes=12: CelebA has 13 .*; type data\.all_classes=13"):
        option("celeba", tmp_path, options={"target_type": "identity"}, all_classes=12).open()
    with pytest.raises(UserError, match=r"does not give one class for each image.*; type data\.all_classes=0"):
        option("celeba", tmp_path, all_classes=40).open()


def test_omniglot_is_the_same_on_every_file_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "omniglot-py"
    characters = [f"{alphabet}/character{number:02}" for alphabet in "AB" for number in (1, 2, 3)]
    strokes = noise(12, 105, 105) > 127
    for number, stroke in enumerate(strokes):
        save(folder / "images_background" / characters[number // 2] / f"{number:04}.png", Image.fromarray(stroke))
    (folder / "images_background.zip").write_bytes(b"")
    monkeypatch.setattr(READERS.Omniglot, "zips_md5", {"images_background": None, "images_evaluation": None})
    for name in ("list_dir", "list_files"):  # a file system with an order of its own
        plain = getattr(torchvision.datasets.omniglot, name)
        monkeypatch.setattr(torchvision.datasets.omniglot, name, lambda *a, f=plain, **k: sorted(f(*a, **k))[::-1])
    found = opened(option("omniglot", tmp_path, all_classes=6))
    np.testing.assert_array_equal(found.images[..., 0], np.where(strokes, 255, 0))
    assert found.labels is not None
    assert (found.labels.tolist(), found.classes) == ([i // 2 for i in range(12)], tuple(characters))
    with pytest.raises(UserError, match=r"data\.all_classes=964: Omniglot has 6 .*; type data\.all_classes=6"):
        option("omniglot", tmp_path).open()


def test_flowers102(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "flowers-102"
    files = [save(folder / "jpg" / f"image_{i + 1:05}.jpg", one) for i, one in enumerate(photographs(6))]
    scipy.io.savemat(folder / "imagelabels.mat", {"labels": np.array([[5, 102, 1, 1, 74, 3]])})
    scipy.io.savemat(folder / "setid.mat", {"trnid": [[1]], "valid": [[2]], "tstid": [[5, 3, 6]]})
    known = READERS.Flowers102._file_dict
    monkeypatch.setattr(READERS.Flowers102, "_file_dict", {key: (file, None) for key, (file, _) in known.items()})
    found = opened(option("flowers102", tmp_path))
    np.testing.assert_array_equal(found.images, as_saved([files[2], files[4], files[5]]))
    assert found.labels is not None
    if hasattr(READERS.Flowers102, "classes"):  # torchvision 0.21 has no names
        assert [found.classes[label] for label in found.labels] == ["pink primrose", "rose", "canterbury bells"]
    assert found.labels.tolist() == [0, 73, 2]


def test_food101(tmp_path: Path) -> None:
    dishes = [f"dish {number:03}" for number in range(101)][::-1]  # in the file's order, which is not the classes'
    folder = tmp_path / "food-101"
    files = [
        save(folder / "images" / dish / "7.jpg", one) for dish, one in zip(dishes, photographs(101, 64), strict=True)
    ]
    (folder / "meta").mkdir()
    (folder / "meta" / "train.json").write_text(json.dumps({dish: [f"{dish}/7"] for dish in dishes}))
    found = opened(option("food101", tmp_path))
    np.testing.assert_array_equal(found.images, as_saved(files[::-1]))
    assert found.labels is not None
    assert (found.labels.tolist(), found.classes) == (list(range(101)), tuple(sorted(dishes)))
    with pytest.raises(UserError, match=r"there is no class pizza"):
        option("food101", tmp_path, classes=["pizza"]).open()
    assert opened(option("food101", tmp_path, classes=["dish 007"])).images[0, 0, 0, 0] in range(91, 96)  # red: 93


@pytest.fixture
def pets(tmp_path: Path) -> list[Path]:
    """222 images: so many are decoded in other processes, each with a reader of its own."""
    folder = tmp_path / "oxford-iiit-pet"
    names = [f"breed_{i % 37 + 100}_{i}" for i in range(222)]
    files = [save(folder / "images" / f"{n}.jpg", one) for n, one in zip(names, photographs(222), strict=True)]
    (folder / "annotations").mkdir()
    lines = [f"{name} {i % 37 + 1} {i % 2 + 1} 1" for i, name in enumerate(names)]
    (folder / "annotations" / "trainval.txt").write_text("\n".join(lines))
    return files


def test_oxford_pets(pets: list[Path], tmp_path: Path) -> None:
    found = opened(option("oxford_pets", tmp_path))
    np.testing.assert_array_equal(found.images, as_saved(pets))
    np.testing.assert_array_equal(found.labels, np.arange(222) % 37)
    assert found.classes[3] == "Breed 103"
    both = opened(option("oxford_pets", tmp_path, options={"target_types": "binary-category"}, all_classes=2, limit=9))
    assert both.labels is not None
    np.testing.assert_array_equal(both.labels, [int(image[0, 0, 0]) % 2 for image in as_saved_again(both, pets)])


def as_saved_again(found: ImageSet, files: list[Path]) -> np.ndarray:
    """The number of the file that each image is, as its red."""
    saved = as_saved(files).astype(int)
    which = [np.abs(saved - image).sum((1, 2, 3)).argmin() for image in found.images]
    return np.array(which)[:, None, None, None]


def test_dtd(tmp_path: Path) -> None:
    folder = tmp_path / "dtd" / "dtd"
    names = [f"texture{number:02}/texture_{number:04}.jpg" for number in range(47)]
    files = [save(folder / "images" / name, one) for name, one in zip(names, photographs(47), strict=True)]
    (folder / "labels").mkdir()
    (folder / "labels" / "train1.txt").write_text("\n".join(names[::-1]))
    (folder / "labels" / "train7.txt").write_text("\n".join([*names[1:], names[1]]))
    found = opened(option("dtd", tmp_path))
    np.testing.assert_array_equal(found.images, as_saved(files))
    assert found.labels is not None
    assert (found.labels.tolist(), found.classes[46]) == (list(range(47)), "texture46")
    with pytest.raises(UserError, match=r"data\.all_classes=47: DTD has 46"):
        option("dtd", tmp_path, options={"partition": 7}).open()


def test_imagenette(tmp_path: Path) -> None:
    wnids = sorted(READERS.Imagenette._WNID_TO_CLASS)
    root = tmp_path / "imagenette2-160" / "train"
    files = [save(root / wnid / f"{wnid}_1.JPEG", one) for wnid, one in zip(wnids, photographs(10), strict=True)]
    found = opened(option("imagenette", tmp_path))
    np.testing.assert_array_equal(found.images, as_saved(files))
    assert found.labels is not None
    assert (found.labels.tolist(), found.classes[4]) == (list(range(10)), "church")


def test_a_set_without_a_file_of_its_own(tmp_path: Path) -> None:
    """``data=torchvision data.dataset=EuroSAT …``: nothing but settings."""
    kinds = [f"Kind{number}" for number in range(10)]
    folder = tmp_path / "eurosat" / "2750"
    files = [save(folder / kind / "1.jpg", one) for kind, one in zip(kinds, photographs(10), strict=True)]
    typed = {"dataset": "EuroSAT", "channels": 3, "size": 64, "folder": "eurosat/2750"}
    with pytest.raises(UserError, match=r"data\.split=train: no such option; EuroSAT has only all$"):
        option("torchvision", tmp_path, **typed).check()
    found = opened(option("torchvision", tmp_path, split="all", **typed))
    np.testing.assert_array_equal(found.images, as_saved(files))
    assert found.classes == tuple(kinds)


def test_each_option_is_opened_above() -> None:
    text = Path(__file__).read_text() + Path(__file__).with_name("test_stl10.py").read_text()
    for file in (config_folder() / "data").glob("*.yaml"):
        if "\nname: torchvision" in f"\n{file.read_text()}":
            assert f'"{file.stem}"' in text, file


# ------------------------------------------------------------------------------------------------ what is told, and kept


def test_the_parts_are_those_that_torchvision_has(tmp_path: Path) -> None:
    unasked = set()
    for name, parts in SETS.items():
        settings: dict[str, Any] = {"options": {"split": "digits"}} if name == "EMNIST" else {}
        for part in parts:
            if (name, part) == ("Places365", "test") and part not in torchvision.datasets.Places365._SPLITS:
                continue  # newer than torchvision 0.21
            with pytest.raises(Exception, match=r"(?s)^(?!.*Unknown value)"):
                TorchvisionSet(dataset=name, split=part, root=str(tmp_path), **settings).read()
        with pytest.raises(Exception) as refused:
            TorchvisionSet(dataset=name, split="no such part", root=str(tmp_path), **settings).read()
        said = str(refused.value)
        if "Unknown value" in said:
            there = set(said.partition("{")[2].partition("}")[0].replace("'", "").split(", "))
            assert there == set(parts) or (name, set(parts) - there) == ("Places365", {"test"})
        elif parts != ("train", "test"):
            unasked.add(name)
    assert {name for name in unasked if SETS[name] != ("all",)} <= {"CelebA", "Omniglot", "PCAM"}  # asked too late


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"dataset": "MNITS"}, "data.dataset=MNITS: no such option; did you mean data.dataset=MNIST?"),
        ({"dataset": "cifar_10"}, "data.dataset=cifar_10: no such option; did you mean data.dataset=CIFAR10?"),
        ({"dataset": "LSUN"}, "data.dataset=LSUN: torchvision's reader would run code that lies beside the data; type data=lsun"),
        ({"split": "tset"}, "data.split=tset: no such option; did you mean data.split=test?"),
        ({"split": "x"}, "data.split=x: no such option; MNIST has the parts train, test"),
    ],
)  # fmt: skip
def test_names_are_looked_up(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError) as refused:
        TorchvisionSet(**settings).check()
    assert str(refused.value) == said


@pytest.mark.parametrize("name", ["os", "__init__", "DatasetFolder", "utils", "FakeData"])
def test_nothing_else_of_torchvision_can_be_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no such option"):
        TorchvisionSet(dataset=name, root=str(tmp_path)).open()


@pytest.mark.parametrize("name", ["mnist", "cifar10", "svhn", "celeba", "imagenette"])
def test_a_set_that_is_not_there(name: str, tmp_path: Path) -> None:
    for ask in ("check", "open"):
        with pytest.raises(UserError, match=r"no \w+ there, .* is missing; type data\.download=true, or data\.root=…"):
            getattr(option(name, tmp_path), ask)()


def test_a_set_that_cannot_be_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: Any, **__: Any) -> None:
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(urllib.request, "urlopen", offline)
    for name in ("mnist", "cifar10", "usps", "flowers102"):
        with pytest.raises(
            UserError, match=r"neither read there nor downloaded \(.*no route.*; type data\.root=…"
        ) as told:
            option(name, tmp_path / "new", download=True).open()
        assert "\n" not in str(told.value)
        assert "download=True" not in str(told.value)


def test_packages_that_are_missing(
    celeba: list[Path], pets: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "gdown", None)
    with pytest.raises(UserError, match=r"needs the package gdown.*type pip install gdown, or data\.root=…"):
        option("celeba", tmp_path / "empty", download=True).open()
    (tmp_path / "train_32x32.mat").write_bytes(b"")
    monkeypatch.setitem(READERS.SVHN.split_list, "train", ["", "train_32x32.mat", None])
    monkeypatch.setitem(sys.modules, "scipy.io", None)
    with pytest.raises(UserError, match=r"needs the package scipy.*type pip install scipy"):
        option("svhn", tmp_path, download=True).open()


def test_files_that_are_not_whole(tmp_path: Path) -> None:
    raw = tmp_path / "MNIST" / "raw"
    for part in ("train", "t10k"):
        write_idx(raw / f"{part}-images-idx3-ubyte", noise(3, 28, 28))
        write_idx(raw / f"{part}-labels-idx1-ubyte", np.arange(3, dtype=np.uint8))
    images = raw / "train-images-idx3-ubyte"
    images.write_bytes(images.read_bytes()[:-100])
    (tmp_path / "cifar-10-batches-py").mkdir()
    (tmp_path / "cifar-10-batches-py" / "data_batch_1").write_bytes(b"wrong")
    (tmp_path / "usps.bz2").write_bytes(b"wrong")
    for name in ("mnist", "cifar10", "usps"):
        with pytest.raises(UserError, match=r"cannot be read there \(.+\); type data\.download=true, or") as told:
            option(name, tmp_path).open()
        assert "\n" not in str(told.value)
        assert "download=True" not in str(told.value)


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("emnist", {}, r"data\.options: EMNIST needs split; type data\.options\.split=…"),
        ("emnist", {"split": "blanced"}, r"data\.options\.split=blanced: no such option; EMNIST has byclass, bymerge, balanced"),
        ("imagenette", {"sise": "full"}, r"data\.options\.sise=full: .*; did you mean data\.options\.size\?"),
        ("imagenette", {"size": 160}, r"\(Expected type str for argument size"),
        ("cifar10", {"train": False}, r"data\.options\.train=False: torchvision's CIFAR10 has no such option; there are none"),
        ("cifar10", {"root": "elsewhere"}, r"data\.options\.root=elsewhere: .* no such option"),
        ("imagenette", {"loader": "str"}, r"data\.options\.loader=str: .* no such option"),
    ],
)  # fmt: skip
def test_options_that_a_reader_does_not_take(name: str, options: dict[str, Any], said: str, tmp_path: Path) -> None:
    for folder in ("EMNIST/raw", "imagenette2-160", "cifar-10-batches-py"):
        (tmp_path / folder).mkdir(parents=True)
    with pytest.raises(UserError, match=said):
        option(name, tmp_path, options=options).open()


def test_options_are_typed_like_other_settings() -> None:
    with composer() as composing:
        typed = ["data=emnist", "data.options.split=letters", "data.all_classes=27"]
        source = parse(Settings, composing.plain(composing.rewrite(composing.read(typed)))).data
    assert isinstance(source, TorchvisionSet)
    assert (source.options, source.dataset, source.class_count) == ({"split": "letters"}, "EMNIST", 27)
    assert parse(TorchvisionSet, dump(TorchvisionSet, source)) == source == pickle.loads(pickle.dumps(source))
    assert hash(source) == hash(pickle.loads(pickle.dumps(source)))
    assert type(dump(TorchvisionSet, source)["options"]) is dict


def test_what_is_there_is_not_downloaded_and_what_is_missing_is_once(
    mnist_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def download(reader: Any) -> None:
        asked.append(reader.root)
        if not Path(reader.raw_folder).exists():
            Path(reader.root, "MNIST").symlink_to(mnist_root / "MNIST")

    monkeypatch.setattr(READERS.MNIST, "download", download)
    here = option("mnist", mnist_root, download=True, split="test")
    assert (len(opened(here)), asked) == (10000, [])
    new = option("mnist", tmp_path / "new", download=True, split="test")
    assert (len(opened(new)), asked) == (10000, [str(tmp_path / "new")])
    assert "taken from" in opened(new).place
    assert asked == [str(tmp_path / "new")]


def test_changed_files_are_read_anew(pets: list[Path], tmp_path: Path) -> None:
    source = option("oxford_pets", tmp_path, limit=None, classes=[0])
    assert len(opened(source)) == 6
    listing = tmp_path / "oxford-iiit-pet" / "annotations" / "trainval.txt"
    (tmp_path / "something else").write_text("not part of it")
    assert "taken from" in opened(source).place
    before = source.stamp()
    listing.write_text("\n".join(reversed(listing.read_text().splitlines()[37:])))
    (tmp_path / "oxford-iiit-pet" / "annotations.tar.gz").write_bytes(b"another download")
    assert source.stamp() != before
    found = opened(source)
    np.testing.assert_array_equal(as_saved_again(found, pets)[:, 0, 0, 0], [185, 148, 111, 74, 37])


def test_images_that_cannot_be_read_are_named(celeba: list[Path], pets: list[Path], tmp_path: Path) -> None:
    celeba[2].write_bytes(b"broken")
    found = option("celeba", tmp_path).open()
    assert found.rows.tolist() == [0, 1, 3, 4, 5]
    assert str(celeba[2]) in found.notes[-1]
    pets[37].write_bytes(b"broken")
    found = option("oxford_pets", tmp_path, classes=[0]).open()
    assert found.rows.tolist() == [0, 2, 3, 4, 5]
    assert "image number 37 of OxfordIIITPet" in found.notes[-1]


def test_a_file_that_is_written_over_is_read_anew(tmp_path: Path) -> None:
    raw = tmp_path / "MNIST" / "raw"
    for part in ("train", "t10k"):
        write_idx(raw / f"{part}-images-idx3-ubyte", noise(3, 28, 28))
        write_idx(raw / f"{part}-labels-idx1-ubyte", np.arange(3, dtype=np.uint8))
    (raw / "a link").symlink_to(tmp_path / "nowhere")
    np.testing.assert_array_equal(opened(option("mnist", tmp_path)).images[..., 0], noise(3, 28, 28))
    write_idx(raw / "train-images-idx3-ubyte", 255 - noise(3, 28, 28))
    np.testing.assert_array_equal(opened(option("mnist", tmp_path)).images[..., 0], 255 - noise(3, 28, 28))


def test_files_are_decoded_without_torchvision(tmp_path: Path) -> None:
    """Its import would take seconds in each process that decodes."""
    file = save(tmp_path / "one.png", Image.new("RGB", (64, 64), (1, 2, 3)))
    stored = tmp_path / "source.pickle"
    stored.write_bytes(pickle.dumps(option("celeba", tmp_path)))
    code = f"""
import pickle, sys
source = pickle.load(open({str(stored)!r}, "rb"))
assert source.pixels({str(file)!r}).tolist()[0][0] == [1, 2, 3]
sys.exit("torch" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
