"""STL-10 as torchvision reads it, from small files in its binary format."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision.datasets

from ganlab.data.source import resize
from ganlab.data.torchvision_sets import STL10
from ganlab.errors import UserError

UNLABELED, TRAIN, TEST = 5, 4, 3


@pytest.fixture
def pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, np.ndarray]:
    """The images (N, 3, rows, columns) that were written, by part."""
    folder = tmp_path / "stl10_binary"
    folder.mkdir()
    draw = np.random.default_rng(0)
    written = {}
    for part, count in (("unlabeled", UNLABELED), ("train", TRAIN), ("test", TEST)):
        written[part] = draw.integers(0, 256, (count, 3, 96, 96), np.uint8)
        written[part].transpose(0, 1, 3, 2).tofile(folder / f"{part}_X.bin")  # the format: column by column
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


def test_unlabeled_images_are_the_right_way_round(pixels: dict[str, np.ndarray], tmp_path: Path) -> None:
    source = STL10(root=str(tmp_path), download=False)
    source.check()
    opened = source.open()
    assert (source.image_shape, source.class_count) == ((3, 96, 96), 0)
    assert (opened.labels, opened.classes) == (None, ())
    np.testing.assert_array_equal(opened.images.numpy(), pixels["unlabeled"])


@pytest.mark.parametrize(("split", "part"), [("train", "train"), ("test", "test")])
def test_labelled_parts_have_classes_from_zero(
    split: str, part: str, pixels: dict[str, np.ndarray], tmp_path: Path
) -> None:
    source = STL10(root=str(tmp_path), download=False, split=split)  # type: ignore[arg-type]
    opened = source.open()
    assert source.class_count == len(opened.classes) == 10
    assert opened.labels is not None
    assert opened.labels.tolist() == list(range(len(pixels[part])))
    assert opened.classes[:2] == ("airplane", "bird")
    np.testing.assert_array_equal(opened.images.numpy(), pixels[part])


def test_all_of_the_training_images_have_no_labels(pixels: dict[str, np.ndarray], tmp_path: Path) -> None:
    source = STL10(root=str(tmp_path), download=False, split="train+unlabeled")
    opened = source.open()
    assert (len(opened), opened.labels, source.class_count) == (TRAIN + UNLABELED, None, 0)


def test_size_and_limit(pixels: dict[str, np.ndarray], tmp_path: Path) -> None:
    opened = STL10(root=str(tmp_path), download=False, size=48, limit=2).open()
    assert torch.equal(opened.images, resize(torch.from_numpy(pixels["unlabeled"][:2]), (48, 48)))
    with pytest.raises(UserError, match="there are 5 images"):
        STL10(root=str(tmp_path), download=False, limit=6).open()


def test_a_limit_gives_the_other_images_memory_back(pixels: dict[str, np.ndarray], tmp_path: Path) -> None:
    images = STL10(root=str(tmp_path), download=False, limit=2).open().images
    assert images.untyped_storage().nbytes() == 2 * 3 * 96 * 96
