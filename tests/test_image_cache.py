"""What is kept of decoded images: where, which of it is whole, and taking it away."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import platformdirs
import pytest
from filelock import FileLock

from ganlab import image_cache as cache
from ganlab.errors import UserError
from tests.data.images import Numbers, kept, numbers


def test_where_the_cache_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANLAB_CACHE", str(tmp_path / "by variable"))
    assert cache.folder_of() == tmp_path / "by variable"
    assert cache.folder_of(str(tmp_path / "typed")) == tmp_path / "typed"
    monkeypatch.delenv("GANLAB_CACHE")
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda name: tmp_path / name)
    assert cache.folder_of() == tmp_path / "ganlab"
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda name: tmp_path / "file" / name)
    assert cache.folder_of().name.startswith("ganlab-")  # a home that cannot be written to


def test_entries_are_listed_and_cleared(tmp_path: Path) -> None:
    Numbers().open(tmp_path)
    Numbers(count=5).open(tmp_path)
    (tmp_path / "somebody's folder").mkdir()
    (tmp_path / ".old-00000000-11111111.partial").mkdir()
    listed = cache.entries(tmp_path)
    assert sorted(entry.images for entry in listed) == [5, 10]
    assert all(entry.image_shape == (1, 2, 2) and entry.bytes > 20 for entry in listed)
    with pytest.raises(UserError, match="there is no such entry"):
        cache.clear(tmp_path, ["nothing"])
    gone = cache.clear(tmp_path, [listed[0].path.name])
    assert [entry.path for entry in gone] == [listed[0].path]
    assert [entry.path for entry in cache.entries(tmp_path)] == [listed[1].path]
    cache.clear(tmp_path)
    assert kept(tmp_path) == ["somebody's folder"]
    shutil.rmtree(tmp_path)
    assert cache.entries(tmp_path) == cache.clear(tmp_path) == []


def test_the_last_used_entry_is_listed_first(tmp_path: Path) -> None:
    for count in (5, 6):
        Numbers(count=count).open(tmp_path)
        for index in tmp_path.glob("*/index.json"):
            os.utime(index, (index.stat().st_mtime - 10,) * 2)
    Numbers(count=5).open(tmp_path)
    assert [entry.images for entry in cache.entries(tmp_path)] == [5, 6]


def test_what_a_run_makes_right_now_is_not_cleared(tmp_path: Path) -> None:
    partial = tmp_path / ".numbers-01234567.partial"
    partial.mkdir()
    (partial / "index.json").write_text("{}")
    with FileLock(cache.lock_of(tmp_path, "numbers-01234567")):
        cache.clear(tmp_path)
    assert partial.exists()
    assert cache.entries(tmp_path) == []
    assert cache.leftovers(tmp_path) == [partial]
    cache.clear(tmp_path)
    assert not partial.exists()


@pytest.mark.parametrize("damage", ["index.json", "images.npy", "labels.npy", "cut"])
def test_a_damaged_entry_is_made_again(damage: str, tmp_path: Path) -> None:
    Numbers().open(tmp_path)
    (name,) = kept(tmp_path)
    if damage == "cut":
        os.truncate(tmp_path / name / "images.npy", 130)
    else:
        (tmp_path / name / damage).write_text("{}")
    assert numbers(Numbers().open(tmp_path)) == list(range(10))
    assert Numbers().open(tmp_path).place.startswith("taken")


def test_an_entry_of_another_format_or_of_other_parts_is_made_again(tmp_path: Path) -> None:
    for key, value in (("format", 0), ("images", 9), ("failed", [3])):
        Numbers().open(tmp_path)
        index = tmp_path / kept(tmp_path)[0] / "index.json"
        index.write_text(json.dumps({**json.loads(index.read_text()), key: value}))
        assert Numbers().open(tmp_path).place.startswith("decoded"), key
    np.save(tmp_path / kept(tmp_path)[0] / "labels.npy", np.zeros(3, np.int64))
    assert Numbers().open(tmp_path).place.startswith("decoded")
