"""Studies, and recipes that are sweeps."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ganlab.commands.sweep.asked import asked_for
from ganlab.commands.sweep.plan import varied
from ganlab.commands.sweep.prepare import check_jobs, expanded
from ganlab.commands.sweep.sweeper import Sweeper
from ganlab.config.compose import composer, config_folder
from ganlab.errors import Refused

STUDIES = sorted(file.stem for file in (config_folder() / "study").glob("*.yaml"))


@pytest.mark.parametrize("study", STUDIES)
def test_a_study_is_accepted(study: str) -> None:
    """The first and the last of its jobs, which have the first and the last value of everything that varies."""
    assert f"python train.py study={study}" in (config_folder() / "study" / f"{study}.yaml").read_text()
    with composer() as composing:
        read, multirun = asked_for(composing, composing.read([f"study={study}"]), False)
        jobs = expanded(composing, read)
        assert len(check_jobs(composing, [jobs[0], jobs[-1]], Sweeper("basic")).settings) == 2
    assert multirun
    rows = (Path(__file__).resolve().parents[3] / "docs" / "sweeps.md").read_text()
    assert re.search(rf"\| `{study}` \| .* \| {len(jobs)} \|", rows)


def test_what_is_typed_replaces_what_a_study_says() -> None:
    with composer() as composing:
        read, _ = asked_for(composing, composing.read(["study=init_by_norm", "seed=7", "init=he,zero"]), False)
        jobs = expanded(composing, read)
    assert len(jobs) == 2 * 4 * 3
    assert varied(jobs) == ["norm", "loss", "init"]
    assert all("seed=7" in job for job in jobs)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("steps: 3\nhydra: {mode: MULTIRUN, sweeper: {params: {seed: '0,1'}}}", "'steps' is outside of it"),
        ("hydra: {mode: MULTIRUN}", "and there are none"),
    ],
)
def test_a_study_holds_what_would_be_typed(body: str, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "mine.yaml").write_text(f"# @package _global_\n{body}\n")
    with composer(str(tmp_path)) as composing, pytest.raises(Refused, match=sentence):
        asked_for(composing, composing.read(["study=mine"]), False)
