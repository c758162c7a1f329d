"""What a sweep prints at its end."""

from __future__ import annotations

from pathlib import Path

import pytest

from ganlab.commands.sweep.plan import new_plan
from ganlab.commands.sweep.run import print_summary


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
