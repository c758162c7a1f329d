from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from ganlab import tree_file
from ganlab.errors import UserError
from ganlab.tree_file import read, write

TREE = {
    "step": 7,
    "name": "x",
    "none": None,
    "nested": {"w": torch.randn(3, 2), "list": [1, torch.arange(4), {"deep": torch.zeros(())}]},
    "view": torch.randn(4, 4).t(),
    "tensor": {"tensor": "a key that could be mistaken"},
    "bf16": torch.randn(3).bfloat16(),
}


def assert_same(one: object, other: object) -> None:
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other)
        assert one.dtype == other.dtype
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_same(one[key], other[key])
    elif isinstance(one, list):
        for a, b in zip(one, other, strict=True):
            assert_same(a, b)
    else:
        assert one == other


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write(tmp_path / "a.safetensors", TREE)
    assert_same(read(tmp_path / "a.safetensors"), TREE)


def test_shared_memory_is_stored_apart(tmp_path: Path) -> None:
    shared = torch.zeros(3)
    write(tmp_path / "a.safetensors", {"one": shared, "two": shared})
    assert_same(read(tmp_path / "a.safetensors"), {"one": shared, "two": shared})


@pytest.mark.parametrize("moment", ["save_file", "fsync", "replace"])
def test_a_failed_write_leaves_the_old_file_and_no_rubbish(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    path = tmp_path / "a.safetensors"
    write(path, {"step": 1})

    def fail(*args: object, **kwargs: object) -> None:
        raise OSError("no space left on device")

    module = tree_file.safetensors.torch if moment == "save_file" else os
    monkeypatch.setattr(module, moment, fail)
    with pytest.raises(OSError, match="no space"):
        write(path, {"step": 2})
    monkeypatch.undo()
    assert read(path)["step"] == 1
    assert [file.name for file in tmp_path.iterdir()] == ["a.safetensors"]


@pytest.mark.parametrize("damage", ["truncated", "empty", "text", "foreign", "format"])
def test_a_damaged_file_is_one_sentence(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "a.safetensors"
    write(path, TREE)
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:-20])
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "text":
        path.write_text("not a checkpoint at all")
    elif damage == "foreign":
        tree_file.safetensors.torch.save_file({"w": torch.zeros(2)}, path)
    else:
        tree_file.safetensors.torch.save_file({}, path, metadata={"ganlab": '{"format": 99, "tree": {}}'})
    with pytest.raises(UserError) as error:
        read(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_pickle_is_not_opened(tmp_path: Path) -> None:
    path, trap = tmp_path / "a.safetensors", tmp_path / "ran"

    class Trap:
        def __reduce__(self):  # type: ignore[no-untyped-def]
            return (Path.touch, (trap,))

    torch.save(Trap(), path)
    with pytest.raises(UserError):
        read(path)
    assert not trap.exists()
