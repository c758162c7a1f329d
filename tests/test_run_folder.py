from __future__ import annotations

import os
from pathlib import Path

import pytest

from ganlab.errors import UserError
from ganlab.run_folder import InUse, RunFolder, find


def test_one_at_a_time(tmp_path: Path) -> None:
    RunFolder(tmp_path).save_status("running", pid=77, host="there")
    with RunFolder(tmp_path).held():
        with pytest.raises(InUse, match="is being trained by process 77 on there"):
            RunFolder(tmp_path).need_free()
        with pytest.raises(InUse), RunFolder(tmp_path).held():
            pass
    RunFolder(tmp_path).need_free()


def test_a_folder_without_locks_is_not_held(tmp_path: Path) -> None:
    (tmp_path / ".lock").mkdir()
    with RunFolder(tmp_path).held():
        RunFolder(tmp_path).need_free()


def test_latest_is_the_run_that_saved_last(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no run under"):
        find("latest", tmp_path)
    for age, name in enumerate(("newer", "older")):
        checkpoints = tmp_path / name / "checkpoints"
        checkpoints.mkdir(parents=True)
        (checkpoints / "step-0000001.safetensors").touch()
        os.utime(checkpoints / "step-0000001.safetensors", (1000 - age, 1000 - age))
    (tmp_path / "older" / "checkpoints" / "final.safetensors").symlink_to("nowhere")
    assert find("latest", tmp_path).path == tmp_path / "newer"
