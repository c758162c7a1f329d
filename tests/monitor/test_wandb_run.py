"""The observer of Weights & Biases, offline: its own package writes the files that ``wandb sync`` sends."""

from __future__ import annotations

import json
import logging
import struct
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ganlab.commands.train import main
from ganlab.monitor import OBSERVERS
from ganlab.training.observer import ObservedRun
from tests.monitor.test_observers import SCORED_RUN, FakeScores

wandb = pytest.importorskip("wandb", reason="needs Weights & Biases: pip install wandb")


@pytest.fixture(autouse=True)
def _nobody_is_logged_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WANDB_API_KEY", "WANDB_MODE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))  # where credentials are


def records(folder: Path) -> list[Any]:
    """All records of an offline run's file, in order. Another process writes it: the last record may come late."""
    found: list[Any] = []
    until = time.monotonic() + 60
    while not any(one.WhichOneof("record_type") == "exit" for one in found):
        assert time.monotonic() < until, "the file was not completed"
        time.sleep(0.1)
        found = read(folder)
    return found


def read(folder: Path) -> list[Any]:
    """The records that the file has now: LevelDB's log format after a header of 7 bytes, that is, blocks of
    32 KiB with parts of a record, each with its checksum, its length, and whether it is the first or the last one."""
    from wandb.proto.wandb_internal_pb2 import Record

    (file,) = folder.glob("run-*.wandb")
    data, place, found, parts = file.read_bytes(), 7, [], b""
    while place + 7 <= len(data):
        if 32768 - place % 32768 < 7:
            place += 32768 - place % 32768
            continue
        _, length, kind = struct.unpack_from("<IHB", data, place)
        if place + 7 + length > len(data):
            break
        parts += data[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # a whole record, or the end of one
            record = Record()
            record.ParseFromString(parts)
            found.append(record)
            parts = b""
    return found


def rows(folder: Path) -> list[dict[str, Any]]:
    """The rows of the history."""
    found = []
    for record in records(folder):
        if record.WhichOneof("record_type") == "history":
            found.append({key: value for key, value in _values(record.history.item) if not key.startswith("_")})
    return found


def _values(items: Any) -> list[tuple[str, Any]]:
    """Each item's key and value. The package writes an image as one item, or each of its fields as an item of its own:
    here it is one dictionary either way."""
    found: dict[str, Any] = {}
    for one in items:
        value = json.loads(one.value_json)
        if len(one.nested_key) > 1:
            key, *rest = one.nested_key
            found.setdefault(key, {})[".".join(rest)] = value
        else:
            found[one.key or one.nested_key[0]] = value
    return list(found.items())


def ids(folder: Path) -> list[str]:
    return [one.name.rpartition("-")[2] for one in sorted((folder / "wandb").glob("offline-run-*"))]


@pytest.mark.slow
def test_a_training_and_its_resume_have_one_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    typed = [f"logging.observers.wandb.{one}" for one in ("mode=offline", "project=tiny", "entity=team")]
    assert main([*SCORED_RUN, *typed]) == 0
    assert main(["resume=run", "steps=4"]) == 0
    folders = sorted((tmp_path / "run" / "wandb").glob("offline-run-*"))
    saved = json.loads((tmp_path / "run" / "wandb.json").read_text())
    assert ids(tmp_path / "run") == [saved["id"]] * 2
    assert saved["attempts"] == [0, 2]
    written = [json.loads(row) for row in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    found = [row for folder in folders for row in rows(folder)]
    losses = [(row["step"], row["generator/loss"], row["progress/attempt"]) for row in found if "generator/loss" in row]
    assert losses == [(row["step"], row["generator/loss"], int(row["step"] > 2)) for row in written]
    shown = {(row["step"], tag.partition(".")[0]) for row in found for tag in row if tag.startswith("samples/")}
    assert {(0, "samples/real"), (0, "samples/generator"), (4, "samples/generator")} <= shown
    assert {row["step"] for row in found if "scores/best" in row} == {2, 4}
    (run,) = [one.run for one in records(folders[0]) if one.WhichOneof("record_type") == "run"]
    assert (run.entity, run.project, run.display_name) == ("team", "tiny", "run")
    config = {one.key: json.loads(one.value_json) for one in run.config.update}
    assert config["generator"]["width"] == 4


def test_what_a_rollback_makes_void_is_marked(tmp_path: Path) -> None:
    observer = OBSERVERS["wandb"](mode="offline").build(ObservedRun(tmp_path, {"a": {"b": 1}}))
    observer.started(0, 6)
    for step in (1, 2, 3):
        observer.logged(step, {"generator/loss": float(step)})
    observer.rolled_back(1)
    observer.logged(2, {"generator/loss": 9.0})
    observer.scored(2, FakeScores({"fid": 4.0}), {"score": 3.0, "step": 1, "left": None})
    observer.diagnosed(2, [SimpleNamespace(title="mode collapse")])
    observer.closed()
    (folder,) = (tmp_path / "wandb").glob("offline-run-*")
    assert [(row["step"], row["progress/attempt"]) for row in rows(folder) if "generator/loss" in row] == [
        (1, 0), (2, 0), (3, 0), (2, 1),
    ]  # fmt: skip
    updates = [item for one in records(folder) for item in one.config.update if item.key == "ganlab_attempts"]
    assert json.loads(updates[-1].value_json) == [0, 1]
    summaries = {item.key: item.value_json for one in records(folder) for item in one.summary.update}
    assert json.loads(summaries["verdicts"]) == "mode collapse"
    exits = [one.exit.exit_code for one in records(folder) if one.WhichOneof("record_type") == "exit"]
    assert exits == [1]  # stopped before step 6


def test_without_a_login_it_records_offline(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    observer = OBSERVERS["wandb"]().build(ObservedRun(tmp_path))
    with caplog.at_level(logging.WARNING):
        observer.started(0, 1)
    observer.stepped(1)
    observer.closed()
    assert "note: wandb failed to begin online (No API key configured" in caplog.text
    assert f"wandb sync {tmp_path}/wandb/offline-run-*" in caplog.text
    assert len(ids(tmp_path)) == 1
