"""Tries the first advice on each planted failure: a branch with it against the run without it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from benchmarks.diagnosis_collection.judging import Judged
from benchmarks.diagnosis_collection.outcomes import fid
from benchmarks.diagnosis_collection.runs import Member, settings_of, train
from ganlab.commands.launch.branch import Branch
from ganlab.commands.launch.job import Resume, plain_configuration
from ganlab.config import Configuration, configure
from ganlab.config.compose import composer
from ganlab.diagnosis.verdicts import Advice, Verdict
from ganlab.run_folder import RunFolder

LATEST = 0.8  # of the run: after a later verdict nothing is left to be changed
FILE = "advice.json"


@dataclass(frozen=True)
class Trial:
    """An advice that was tried: on which run, for which verdict at which step, and the final FID of the branch with it
    and of the twin without it (None: diverged, or not finite). ``began`` is the step from which they differ."""

    kind: str
    half: str
    seed: int
    verdict: str
    right: bool
    advice: str
    restart: bool
    began: int
    status: str
    branch: float | None
    twin: float | None

    @property
    def better(self) -> bool:
        """Whether the branch ended with a lower FID than the twin, or with one where the twin has none."""
        return self.branch is not None and (self.twin is None or self.branch < self.twin)

    @property
    def clearly_better(self) -> bool:
        """Whether its FID is lower by 10 % at least: less may be chance."""
        return self.better and (self.twin is None or (self.branch or 0.0) <= 0.9 * self.twin)


def advised(one: Judged) -> tuple[Verdict, Advice] | None:
    """Returns the first verdict on a run, and its first advice; None where there is no advice, or where it would come
    too late."""
    verdict = one.first
    if verdict is None or not verdict.advice or verdict.given > LATEST * one.member.kind.steps:
        return None
    return verdict, verdict.advice[0]


def checkpoint_before(one: Member, step: int) -> tuple[Path, int] | None:
    """Returns the newest checkpoint of a run at or before a step."""
    found = [(path, int(path.stem.split("-")[1])) for path in (one.folder / "checkpoints").glob("step-*.safetensors")]
    return max((item for item in found if item[1] <= step), key=lambda item: item[1], default=None)


def try_all(found: Sequence[Judged], folder: Path) -> Iterator[str]:
    """Tries the first advice on each planted failure that has one, unless it has been tried, and yields a line for
    each. A run goes on bit for bit as its unchanged branch would, so that it is its own twin."""
    for one in found:
        if one.member.kind.healthy or (chosen := advised(one)) is None or (fid(one.member) is None and _unscored(one)):
            continue
        verdict, advice = chosen
        place = folder / "tries" / one.member.kind.name / f"seed-{one.member.seed}"
        if (place / FILE).exists() and json.loads((place / FILE).read_text())["advice"] == str(advice):
            continue
        trial = _try(one, verdict, advice, place)
        if trial.status not in ("finished", "diverged"):
            yield f"{trial.kind} seed {trial.seed}: {trial.advice}: {trial.status}, see {place / 'status.json'}"
            continue
        (place / FILE).write_text(json.dumps(asdict(trial)), encoding="utf-8")
        yield f"{trial.kind} seed {trial.seed}: {trial.verdict}, {trial.advice}: {trial.branch} against {trial.twin}"


def _unscored(one: Judged) -> bool:
    return any(text.startswith("evaluation=none") for text in one.member.kind.changes)


def _try(one: Judged, verdict: Verdict, advice: Advice, place: Path) -> Trial:
    kind, seed = one.member.kind, one.member.seed
    shutil.rmtree(place, ignore_errors=True)
    found = None if advice.restart else checkpoint_before(one.member, verdict.given)
    branch = Member(kind, seed, place)
    parent = None
    if found is None:
        configured = partial(settings_of, kind, seed, advice.overrides)
    else:
        parent = RunFolder(place)
        Branch(RunFolder(one.member.folder), *found).copy(parent)
        configured = partial(_branched, parent, advice.overrides)
    status = train(configured, place, parent)
    ended = None if status != "finished" else fid(branch)
    return Trial(
        kind.name, kind.half, seed, verdict.key, verdict.name in kind.accepted, str(advice), advice.restart,
        found[1] if found else 0, status, ended, fid(one.member),
    )  # fmt: skip


def _branched(folder: RunFolder, overrides: Sequence[str]) -> Configuration:
    """Returns the configuration of the run in ``folder`` with changes."""
    with composer(None) as composing:
        read = composing.read(list(overrides))
        plain, _ = plain_configuration(composing, read, composing.rewrite(read), Resume(folder, branch=True))
    return configure(plain)


def trials(folder: Path) -> list[Trial]:
    """Returns the trials that have been made, by kind and seed."""
    files = sorted((folder / "tries").glob(f"*/*/{FILE}"))
    return [Trial(**json.loads(file.read_text(encoding="utf-8"))) for file in files]
