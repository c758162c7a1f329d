"""LSUN's databases, from small ones in their format."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from ganlab.config.compose import config_folder
from ganlab.config.parse import parse
from ganlab.data.lsun import LSUN
from ganlab.errors import UserError


def photographs(count: int) -> np.ndarray:
    """(N, 64, 64, 3) uint8: red i, green that grows downwards, blue that falls from left to right."""
    pictures = np.zeros((count, 64, 64, 3), np.uint8)
    pictures[..., 0] = np.arange(count)[:, None, None]
    pictures[..., 1], pictures[..., 2] = np.arange(64)[:, None] * 4, 255 - np.arange(64) * 4
    return pictures


def write(folder: Path, values: list[bytes]) -> list[bytes]:
    """Keys as LSUN has them, 40 digits of a hash; LMDB keeps them in order."""
    folder.mkdir(parents=True, exist_ok=True)
    keys = [f"{7 * number + 3:040x}".encode() for number in range(len(values))]
    lmdb = pytest.importorskip("lmdb")
    with lmdb.open(str(folder), map_size=1 << 26) as database, database.begin(write=True) as writing:
        for key, value in reversed(list(zip(keys, values, strict=True))):
            writing.put(key, value)
    return keys


def packed(pictures: np.ndarray, kind: str = "PNG") -> list[bytes]:
    files = []
    for one in pictures:
        file = io.BytesIO()
        Image.fromarray(one).save(file, kind)
        files.append(file.getvalue())
    return files


def option(root: Path, **changes: Any) -> LSUN:
    plain = yaml.safe_load((config_folder() / "data" / "lsun.yaml").read_text())
    assert plain.pop("name") == "lsun"
    return parse(LSUN, plain | {"root": str(root)} | changes)


def test_the_photographs_of_a_category(tmp_path: Path) -> None:
    """So many that other processes decode them."""
    pictures = photographs(210)
    write(tmp_path / "bedroom_train_lmdb", packed(pictures))
    source = option(tmp_path)
    source.check()
    opened = source.open()
    np.testing.assert_array_equal(opened.images, pictures)
    assert opened.image_shape == source.image_shape == (3, 64, 64)
    assert (opened.labels, opened.classes, source.class_count, opened.notes) == (None, (), 0, ())


def test_parts_sizes_and_formats(tmp_path: Path) -> None:
    pictures = photographs(6)
    write(tmp_path / "church_outdoor_val_lmdb", [*packed(pictures[:3], "JPEG"), *packed(pictures[3:], "WEBP")])
    source = option(tmp_path, category="church_outdoor", split="val", flip=True)
    opened = source.open()
    assert np.abs(opened.images.astype(int) - pictures).mean() < 2
    assert opened.flip
    small = option(tmp_path, category="church_outdoor", split="val", size=[16, 32], limit=4, held_out=1).open()
    assert (small.images.shape, len(small)) == ((4, 16, 32, 3), 3)
    assert small.images[:, 0, :, 1].mean() > 50  # the middle, not the top
    stretched = option(tmp_path, category="church_outdoor", split="val", size=[16, 32], crop="stretch").open()
    assert stretched.images[:, 0, :, 1].mean() < 10


def test_what_cannot_be_read_is_named_and_skipped(tmp_path: Path) -> None:
    files = packed(photographs(4))
    keys = write(tmp_path / "bedroom_train_lmdb", [files[0], files[1][: len(files[1]) // 2], b"\x80\x04.", files[3]])
    opened = option(tmp_path).open()
    assert opened.rows.tolist() == [0, 3]
    assert keys[1].decode() in opened.notes[-1]
    assert opened.notes[-1].startswith("2 of 4 images could not be read")


def test_another_database_under_the_same_name_is_read_anew(tmp_path: Path) -> None:
    pictures = photographs(5)
    write(tmp_path / "bedroom_train_lmdb", packed(pictures[:3]))
    assert len(option(tmp_path).open()) == 3
    assert "taken from" in option(tmp_path).open().place
    write(tmp_path / "bedroom_train_lmdb", packed(pictures[::-1]))
    np.testing.assert_array_equal(option(tmp_path).open().images, pictures[::-1])


@pytest.mark.parametrize("ask", [LSUN.check, LSUN.open])
def test_what_is_missing(ask: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"there is no bedroom_train_lmdb.data\.mdb in it; type data\.root=…"):
        ask(option(tmp_path))
    write(tmp_path / "bedroom_val_lmdb", [])
    with pytest.raises(UserError, match=r"did you mean data\.category=bedroom data\.split=val\?"):
        ask(option(tmp_path, category="bedrom"))
    monkeypatch.setitem(sys.modules, "lmdb", None)
    with pytest.raises(UserError, match=r"needs? the package lmdb; type pip install lmdb"):
        ask(option(tmp_path, split="val"))


def test_a_database_that_is_none(tmp_path: Path) -> None:
    folder = tmp_path / "bedroom_train_lmdb"
    folder.mkdir()
    (folder / "data.mdb").write_bytes(b"half a download" * 1000)
    with pytest.raises(UserError, match=r"bedroom_train_lmdb is not a whole LMDB database \(.*\); unzip it again"):
        option(tmp_path).open()
    write(tmp_path / "kitchen_train_lmdb", [])
    with pytest.raises(UserError, match=r"no images"):
        option(tmp_path, category="kitchen").open()


def test_nothing_beside_the_data_is_unpickled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where torchvision keeps its list of keys: ``_cache_`` and the letters of the path, in the current folder."""
    write(tmp_path / "bedroom_train_lmdb", packed(photographs(2)))
    monkeypatch.chdir(tmp_path)
    path = str(tmp_path / "bedroom_train_lmdb")
    trap = tmp_path / ("_cache_" + "".join(letter for letter in path if letter.isalpha()))
    trap.write_bytes(b"cbuiltins\nexit\n(I3\ntR.")
    assert len(option(tmp_path).open()) == 2
