"""What a sweep prints at its end."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import pytest

from ganlab.commands.launch.training_run import Outcome
from ganlab.commands.report import ReportSettings
from ganlab.commands.sweep import run
from ganlab.commands.sweep.plan import new_plan
from ganlab.commands.sweep.run import print_summary
from ganlab.commands.terminal.arguments import read
from ganlab.commands.terminal.program import command_beside


@pytest.mark.parametrize(
    ("program", "trains", "reports"),
    [
        ("train.py", "python train.py", "python scripts/report.py"),
        ("ganlab train", "ganlab train", "ganlab report"),
    ],
)
def test_what_to_type_next_is_of_the_installation_that_was_typed(
    program: str, trains: str, reports: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = new_plan(tmp_path, "…", ["seed=0,1"], [["seed=0"], ["seed=1"]])
    assert print_summary(plan, program) == 2
    said = capsys.readouterr().out
    assert "2 not begun" in said
    assert f"Run what is missing: {trains} resume={tmp_path}\n" in said
    assert f"What was found: {reports} sweep={tmp_path}\n" in said


@pytest.mark.parametrize("name", ["with space, comma", "a=b", "it's", "null", "~home", "[x]", '"q"'])
def test_what_is_printed_can_be_typed(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    print_summary(new_plan(Path(name), "…", ["seed=0"], [["seed=0"]]), "train.py")
    (line,) = [one for one in capsys.readouterr().out.splitlines() if one.startswith("What was found")]
    read_back = read(ReportSettings, shlex.split(line)[-1:])
    assert Path(os.path.expanduser(read_back.sweep or "")) == Path(name)


def test_a_notebook_reads_calls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run, "in_notebook", lambda: True)
    print_summary(new_plan(tmp_path, "…", ["seed=0"], [["seed=0"]]), "ganlab train")
    said = capsys.readouterr().out
    assert f"Run what is missing: ganlab.sweep(resume='{tmp_path}')\n" in said
    assert f"What was found: ganlab.report('{tmp_path}')\n" in said


def test_a_command_beside_another() -> None:
    assert command_beside("report.py", "train") == "python train.py"
    assert command_beside("/a b/scripts/report.py", "train") == "python '/a b/train.py'"
    assert command_beside("ganlab report", "inspect_init") == "ganlab inspect-init"


def test_a_job_that_could_not_write_its_status_failed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On a full disk: one job has no folder, another one no more than its beginning, and a third one has finished."""
    plan = new_plan(tmp_path, "…", ["seed=0,1,2"], [["seed=0"], ["seed=1"], ["seed=2"]])
    first, second, third = (plan.folder_of(job) for job in plan.jobs)
    for folder, status in ((second, "running"), (third, "finished")):
        folder.path.mkdir(parents=True)
        folder.save_status(status, "")
    failed, finished = Outcome("failed", "no space left on the disk"), Outcome("finished")
    ended = {first.path.name: failed, second.path.name: failed, third.path.name: finished}
    assert print_summary(plan, "train.py", ended) == 1
    said = capsys.readouterr().out
    assert "1 finished, 2 failed in" in said
    assert said.count("failed: no space left on the disk") == 2
