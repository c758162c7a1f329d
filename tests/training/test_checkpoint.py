from __future__ import annotations

from pathlib import Path

import pytest

from ganlab import tree_file
from ganlab.errors import TrainingFailed, UserError
from ganlab.training import checkpoint
from ganlab.training.checkpoint import Checkpoints, CheckpointSettings, newest
from ganlab.tree_file import read


def test_retention(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, CheckpointSettings(every=1, keep=2))
    for step in (1, 2, 3, 10):
        checkpoints.save(step, {"step": step})
    assert sorted(file.name for file in tmp_path.iterdir()) == ["step-0000003.safetensors", "step-0000010.safetensors"]
    assert newest(tmp_path)[0].name == "step-0000010.safetensors"
    checkpoints.save(12, {"step": 12}, final=True)
    assert newest(tmp_path)[0].name == "final.safetensors"
    checkpoints.save(13, {"step": 13})  # resumed with more steps
    assert newest(tmp_path)[0].name == "step-0000013.safetensors"
    assert (tmp_path / "final.safetensors").exists()


def test_damaged_later_checkpoints_do_not_push_out_the_good_ones(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, CheckpointSettings(keep=1))
    checkpoints.save(400, {"step": 400})
    for step in (600, 700):
        (tmp_path / f"step-0000{step}.safetensors").write_bytes(b"torn")
    assert newest(tmp_path)[1]["step"] == 400
    checkpoints.save(500, {"step": 500})
    assert newest(tmp_path)[1]["step"] == 500
    assert not (tmp_path / "step-0000400.safetensors").exists()


def test_steps_of_more_than_seven_digits(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, CheckpointSettings(keep=2))
    for step in (9_999_999, 10_000_000, 123_456_789):
        checkpoints.save(step, {"step": step})
    assert newest(tmp_path)[1]["step"] == 123_456_789
    assert [path.stem for path in checkpoint.numbered(tmp_path)] == ["step-10000000", "step-123456789"]


def test_a_folder_that_is_gone_is_not_made_anew(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path / "run" / "checkpoints", CheckpointSettings())
    checkpoints.begin()
    assert checkpoints.save(1, {"step": 1})
    (tmp_path / "run").rename(tmp_path / "moved")
    assert not checkpoints.save(2, {"step": 2})
    assert [path.name for path in tmp_path.iterdir()] == ["moved"]


def test_no_checkpoint_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no checkpoint"):
        newest(tmp_path)


class Full:
    """A disk that refuses so many writes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, refusals: int) -> None:
        self.left, self.save_file = refusals, tree_file.safetensors.torch.save_file
        monkeypatch.setattr(tree_file.safetensors.torch, "save_file", self)
        monkeypatch.setattr(checkpoint, "PAUSE", 0.0)

    def __call__(self, tensors: dict, path: Path, metadata: dict) -> None:
        self.left -= 1
        if self.left >= 0:
            path.write_bytes(b"the beginning")
            raise tree_file.safetensors.SafetensorError("No space left on device (os error 28)")
        self.save_file(tensors, path, metadata=metadata)


@pytest.mark.parametrize("retries", [0, 2])
def test_a_write_may_fail_so_often_in_a_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, retries: int, caplog: pytest.LogCaptureFixture
) -> None:
    checkpoints = Checkpoints(tmp_path, CheckpointSettings(every=1, keep=2, retries=retries))
    assert checkpoints.save(1, {"step": 1})
    for _ in range(2):  # a write that succeeds begins the count anew
        Full(monkeypatch, retries)
        for step in range(2, 2 + retries):
            assert not checkpoints.save(step, {"step": step})
            assert "No space left on device" in caplog.messages[-1]
        assert checkpoints.save(1, {"step": 1})
    Full(monkeypatch, retries + 1)
    for step in range(2, 2 + retries):
        assert not checkpoints.save(step, {"step": step})
    with pytest.raises(TrainingFailed, match=r"could not be written.* still has step-0000001\.safetensors") as error:
        checkpoints.save(9, {"step": 9})
    assert "\n" not in str(error.value)
    assert newest(tmp_path)[1]["step"] == 1
    assert [file.name for file in tmp_path.iterdir()] == ["step-0000001.safetensors"]


def test_the_last_checkpoint_is_tried_again_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoints = Checkpoints(tmp_path, CheckpointSettings(retries=2))
    Full(monkeypatch, 2)
    assert checkpoints.save(5, {"step": 5}, final=True, last=True)
    Full(monkeypatch, 3)
    with pytest.raises(TrainingFailed, match="3 times in a row"):
        checkpoints.save(6, {"step": 6}, last=True)
    assert newest(tmp_path)[1]["step"] == 5


def test_the_best_checkpoint_is_not_worth_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoints = Checkpoints(tmp_path, CheckpointSettings(retries=0))
    checkpoints.save_best({"step": 1})
    Full(monkeypatch, 1)
    checkpoints.save_best({"step": 2})
    assert read(tmp_path / "best.safetensors")["step"] == 1


def test_partial_files_of_a_kill_are_taken_away(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path / "none yet", CheckpointSettings())
    checkpoints.begin()
    checkpoints.save(1, {"step": 1})
    (checkpoints.folder / ".step-0000002.safetensors.partial").write_bytes(b"half")
    checkpoints.begin()
    assert [file.name for file in checkpoints.folder.iterdir()] == ["step-0000001.safetensors"]


def test_the_newest_checkpoints_without_divergence_stay(tmp_path: Path) -> None:
    """Where training may go back to them."""
    checkpoints = Checkpoints(tmp_path, CheckpointSettings(every=1, keep=1), spare=2)

    def steps() -> list[int]:
        return [tree_file.head(path)["step"] for path in checkpoint.numbered(tmp_path)]

    with pytest.raises(UserError, match="before which all updates were finite"):
        checkpoints.last_finite()
    for step, finite in ((0, True), (1, True), (2, True), (3, False), (4, False)):
        checkpoints.save(step, {"step": step, "finite": finite})
    assert steps() == [1, 2, 4]
    assert checkpoints.last_finite()["step"] == checkpoints.last_finite(1)["step"] == 2
    assert checkpoints.last_finite(2)["step"] == 1
    checkpoints.drop_after(2)
    assert newest(tmp_path)[1]["step"] == 2
    checkpoints.drop_after(1)
    assert checkpoints.last_finite(1)["step"] == 1  # there is no other
    checkpoints.save(5, {"step": 5, "finite": True})
    assert steps() == [1, 5]


def test_minutes_count_from_the_last_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(checkpoint.time, "monotonic", lambda: now)
    checkpoints = Checkpoints(tmp_path, CheckpointSettings(minutes=2))
    never = Checkpoints(tmp_path / "other", CheckpointSettings())
    checkpoints.begin()
    for seconds, due in ((119, False), (120, True), (130, True)):
        now = 100.0 + seconds
        assert checkpoints.due_by_time() is due
    checkpoints.save(1, {"step": 1})
    for seconds, due in ((119, False), (120, True)):
        now = 230.0 + seconds
        assert checkpoints.due_by_time() is due
    now = 1e9
    assert not never.due_by_time()


def test_only_checkpoints_to_go_on_from_count(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path / "checkpoints", CheckpointSettings())
    checkpoints.begin()
    checkpoints.save_best({"step": 1})
    assert not checkpoint.exists(checkpoints.folder)
    checkpoints.save(1, {"step": 1})
    assert checkpoint.exists(checkpoints.folder)
    assert not checkpoint.exists(tmp_path / "nowhere")
