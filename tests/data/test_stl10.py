"""STL-10 as torchvision reads it, from small files in its binary format."""

from __future__ import annotations

import hashlib
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torchvision.datasets
from PIL import Image

from ganlab.errors import UserError
from tests.data.test_torchvision_sets import option

UNLABELED, TRAIN, TEST = 5, 4, 3


@pytest.fixture
def pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, np.ndarray]:
    """The images (N, rows, columns, 3) that were written, by part."""
    folder = tmp_path / "stl10_binary"
    folder.mkdir()
    draw = np.random.default_rng(0)
    written = {}
    for part, count in (("unlabeled", UNLABELED), ("train", TRAIN), ("test", TEST)):
        written[part] = draw.integers(0, 256, (count, 96, 96, 3), np.uint8)
        write(folder / f"{part}_X.bin", written[part])
        if part != "unlabeled":
            (1 + np.arange(count, dtype=np.uint8)).tofile(folder / f"{part}_y.bin")  # the format: counted from 1
    names = "airplane bird car cat deer dog horse monkey ship truck"
    (folder / "class_names.txt").write_text(names.replace(" ", "\n"))
    for name in ("train_list", "test_list"):  # torchvision compares checksums, and these files have their own
        files = [
            [file, hashlib.md5((folder / file).read_bytes()).hexdigest()]
            for file, _ in getattr(torchvision.datasets.STL10, name)
        ]
        monkeypatch.setattr(torchvision.datasets.STL10, name, files)
    return written


def write(file: Path, images: np.ndarray) -> None:
    images.transpose(0, 3, 2, 1).tofile(file)  # the format: colour by colour, each column by column


def test_unlabeled_images_are_the_right_way_round(pixels: dict[str, np.ndarray], tmp_path: Path) -> None:
    source = option("stl10", tmp_path)
    source.check()
    opened = source.open()
    assert (source.image_shape, source.class_count) == ((3, 96, 96), 0)
    assert (opened.labels, opened.classes) == (None, ())
    np.testing.assert_array_equal(opened.images, pixels["unlabeled"])
    with pytest.raises(UserError, match="these images have no classes"):
        option("stl10", tmp_path, classes=["cat"]).open()


@pytest.mark.parametrize("split", ["train", "test"])
def test_labelled_parts_have_classes_from_zero(split: str, pixels: dict[str, np.ndarray], tmp_path: Path) -> None:
    source = option("stl10", tmp_path, split=split)
    opened = source.open()
    assert source.class_count == len(opened.classes) == 10
    assert opened.labels is not None
    assert opened.labels.tolist() == list(range(len(pixels[split])))
    assert opened.classes[:2] == ("airplane", "bird")
    np.testing.assert_array_equal(opened.images, pixels[split])


def test_all_of_the_training_images_have_no_labels(pixels: dict[str, np.ndarray], tmp_path: Path) -> None:
    source = option("stl10", tmp_path, split="train+unlabeled")
    opened = source.open()
    assert (len(opened), opened.labels, source.class_count) == (TRAIN + UNLABELED, None, 0)
    np.testing.assert_array_equal(opened.images, np.concatenate([pixels["train"], pixels["unlabeled"]]))


def test_size_and_limit(pixels: dict[str, np.ndarray], tmp_path: Path) -> None:
    opened = option("stl10", tmp_path, size=48, limit=2).open()
    small = [Image.fromarray(one).resize((48, 48), Image.Resampling.LANCZOS) for one in pixels["unlabeled"]]
    far = np.abs(opened.images[:, None].astype(int) - np.stack([np.asarray(one) for one in small])).max((2, 3, 4))
    assert (far.min(1) <= 1).all()
    assert len(set(far.argmin(1))) == 2
    with pytest.raises(UserError, match="there are 5 images"):
        option("stl10", tmp_path, limit=6).open()


@pytest.mark.parametrize("change", [{"limit": 2}, {"size": 8}, {}])
def test_the_images_take_their_memory_once_and_give_it_back(
    change: dict[str, int], pixels: dict[str, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = np.zeros((400, 96, 96, 3), np.uint8)  # 11 MB
    write(tmp_path / "stl10_binary" / "unlabeled_X.bin", many)
    files = [[file, None] for file, _ in torchvision.datasets.STL10.train_list]
    monkeypatch.setattr(torchvision.datasets.STL10, "train_list", files)
    tracemalloc.start()
    try:
        opened = option("stl10", tmp_path, **change).open()
        kept, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(opened) == change.get("limit", 400)
    assert kept < 0.2 * many.nbytes
    assert most < 1.5 * many.nbytes
