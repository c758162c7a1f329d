"""Pairs of image files: side by side in one file, or in two folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from ganlab.data import ImageSet
from ganlab.data.feed import Feed
from ganlab.data.image_pairs import ImagePairs
from ganlab.errors import UserError
from ganlab.testing import check_source

COUNT = 6


def picture(number: int, part: int, width: int = 16) -> np.ndarray:
    """A picture whose left half is brighter than its right one, and whose level is its number."""
    image = np.full((16, width, 3), 10 * number + 100 * part, np.uint8)
    image[:, width // 2 :] += 50
    return image


@pytest.fixture
def roots(tmp_path: Path) -> dict[str, Path]:
    beside, apart = tmp_path / "beside", tmp_path / "apart"
    for path in (beside / "more", apart / "A", apart / "B" / "more", apart / "A" / "more"):
        path.mkdir(parents=True)
    for number in range(COUNT):
        a, b = picture(number, 0), picture(number, 1)
        name = f"{'more/' if number % 2 else ''}{number}"
        Image.fromarray(np.concatenate([a, b], axis=1)).save(beside / f"{name}.png")
        Image.fromarray(a).save(apart / "A" / f"{name}.png")
        Image.fromarray(b).save(apart / "B" / f"{name}.bmp")  # another suffix is the same name
    return {"beside": beside, "apart": apart}


def opened(place: Path, tmp_path: Path, **settings: Any) -> ImageSet:
    facts: dict[str, Any] = {"root": str(place), "size": 16, **settings}
    return ImagePairs(**facts).open(tmp_path / "cache")


@pytest.mark.parametrize(("kind", "folders"), [("beside", None), ("apart", ("A", "B"))])
def test_both_layouts_give_the_same_pairs(
    kind: str, folders: Any, roots: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GANLAB_CACHE", str(tmp_path / "cache"))
    check_source(ImagePairs(root=str(roots[kind]), folders=folders, size=16))
    there = opened(roots[kind], tmp_path, folders=folders)
    back = opened(roots[kind], tmp_path, folders=folders, direction="BtoA")
    order = [0, 2, 4, 1, 3, 5]
    for row, number in enumerate(order):
        assert np.array_equal(there.aligned_images("source", np.array([row]))[0], picture(number, 0))
        assert np.array_equal(there.images[row], picture(number, 1))
        assert np.array_equal(back.images[row], picture(number, 0))
        assert np.array_equal(back.aligned_images("source", np.array([row]))[0], picture(number, 1))


def test_both_are_mirrored_and_cropped_alike(roots: dict[str, Path], tmp_path: Path) -> None:
    images = opened(roots["beside"], tmp_path, size=(16, 8), flip=True, held_out=1)
    assert len(images) == COUNT - 1
    for resident in (1.0, 0.0):
        feed = Feed(images, 4, 0, torch.device("cpu"), resident=resident)
        mirrored = 0
        for _ in range(8):
            batch = feed.next()
            levels = ((batch.images + 1) * 127.5).round()
            source = ((batch.condition["source"] + 1) * 127.5).round()
            assert torch.equal(levels - source, torch.full_like(levels, 100.0))  # of the same item, and mirrored alike
            mirrored += int((source[:, 0, 0, 0] > source[:, 0, 0, -1]).sum())
        assert 4 < mirrored < 28


def test_a_picture_without_a_partner_is_named_and_skipped(roots: dict[str, Path], tmp_path: Path) -> None:
    Image.fromarray(picture(7, 0)).save(roots["apart"] / "A" / "alone.png")
    (roots["apart"] / "B" / "0.bmp").write_bytes(b"damaged")
    images = opened(roots["apart"], tmp_path, folders=("A", "B"))
    assert len(images) == COUNT - 1
    assert any("1 images without a partner were skipped: A/alone.png" in note for note in images.notes)
    (left_out,) = (tmp_path / "cache").glob("*/left-out.txt")
    assert "A/alone.png: it has no partner" in left_out.read_text()
    assert "A/0.png and B/0.bmp: " in left_out.read_text()


def test_an_odd_width_has_no_middle(roots: dict[str, Path], tmp_path: Path) -> None:
    Image.fromarray(picture(0, 0, width=17)).save(roots["beside"] / "odd.png")
    images = opened(roots["beside"], tmp_path)
    assert len(images) == COUNT
    assert any("its 17 columns have no middle" in note for note in images.notes)


@pytest.mark.parametrize(
    ("kind", "settings", "sentence"),
    [
        ("beside", {"root": "/nowhere"}, "there is no such folder"),
        ("apart", {"folders": ("A", "C")}, r"data.folders=\[A,C\]: there is no folder C under .* but A, B"),
        ("empty", {}, "there are no images; type data.folders"),
        ("strangers", {"folders": ("A", "B")}, "there are 2 images without a partner, such as A/x.png"),
    ],
)
def test_what_is_refused(
    kind: str, settings: dict[str, Any], sentence: str, roots: dict[str, Path], tmp_path: Path
) -> None:
    root = roots.get(kind, tmp_path / kind)
    for name in ("A", "B"):
        (root / name).mkdir(parents=True, exist_ok=True)
    if kind == "strangers":
        Image.fromarray(picture(0, 0)).save(root / "A" / "x.png")
        Image.fromarray(picture(0, 1)).save(root / "B" / "y.png")
    with pytest.raises(UserError, match=sentence):
        opened(root, tmp_path, **settings)
