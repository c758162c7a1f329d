"""Checks the jobs of a sweep, before its folder is created and before the first one runs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from hydra.core.override_parser.types import Override

from ganlab.commands.launch.branch import branch_of
from ganlab.commands.launch.prepared import Resume, plain_configuration
from ganlab.commands.launch.ready import AlreadyDone, ready
from ganlab.commands.sweep.plan import varied
from ganlab.commands.sweep.sweeper import Sweeper
from ganlab.config import CannotCombine, Settings, configure
from ganlab.config.compose import Composer
from ganlab.config.paths import literal
from ganlab.config.programs import refuse_saved_programs
from ganlab.errors import Refused, UserError
from ganlab.progress import progress
from ganlab.run_folder import RunFolder

MOST_CHECKED = 256
"""The most jobs that are checked before the first one runs; each further job is checked before it runs."""

SWEEP_ALONE = ("jobs", "study", "resume", "resume_override")
"""Settings of a whole sweep, which its jobs do not have."""


@dataclass
class Checked:
    """The result of the check of the jobs: the ``settings`` of each one that can run, and why others will be
    ``refused``, by their numbers."""

    settings: dict[int, Settings] = field(default_factory=dict)
    refused: dict[int, CannotCombine] = field(default_factory=dict)

    def announce(self, jobs: Sequence[Sequence[str]]) -> None:
        """Prints each reason for a refusal once, with the first job that it concerns and their number."""
        keys = varied(jobs)
        numbers: dict[str, list[int]] = {}
        for number, error in self.refused.items():
            numbers.setdefault("; ".join(error.problems), []).append(number)
        for reason, those in numbers.items():
            named = " ".join(one.lstrip("+") for one in jobs[those[0]] if one.partition("=")[0].lstrip("+") in keys)
            what = f"job {those[0]} ({named})" + (f" and {len(those) - 1} more" if len(those) > 1 else "")
            print(f"{what} will be refused: {reason}", file=sys.stderr)


def expanded(composing: Composer, read: Sequence[Override]) -> list[list[str]]:
    """Returns the overrides of each job, as they could be typed for a single run. Raises Refused."""
    own = [one for one in read if not one.is_hydra_override() and one.key_or_group not in SWEEP_ALONE]
    jobs = composing.jobs([one.input_line or "" for one in own]) if own else [[]]
    return [list(job) for job in dict.fromkeys(map(tuple, jobs))]  # a value that was typed twice is one job


def check_jobs(
    composing: Composer, jobs: Sequence[Sequence[str]], sweeper: Sweeper, trusted: Sequence[Override] | None = None
) -> Checked:
    """Checks the configuration and the data of the jobs. Jobs that differ in the seed alone are checked once. If the
    jobs are those of a saved plan, ``trusted`` are the overrides that were typed. Raises Refused with all problems if
    any job has a mistake, or if no job can run."""
    problems, checked = sweeper.problems(), Checked()
    alike: dict[tuple[str, ...], int] = {}
    with progress("Checking the jobs", len(jobs)) as advance:
        for number, job in enumerate(jobs[:MOST_CHECKED]):
            advance(1)
            key = tuple(one for one in job if not one.lstrip("+").startswith("seed="))
            seed = next((one.partition("=")[2] for one in job if one.lstrip("+").startswith("seed=")), "0")
            first = alike.setdefault(key, number)
            if first != number and seed.isdigit():
                if first in checked.settings:
                    checked.settings[number] = checked.settings[first]
                elif first in checked.refused:
                    checked.refused[number] = checked.refused[first]
                continue
            try:
                checked.settings[number] = _settings_of(composing, job, trusted)
                problems += sweeper.problems_with(checked.settings[number])
            except CannotCombine as error:
                checked.refused[number] = error
            except Refused as error:
                problems += error.problems
    if problems:
        raise Refused(problems)
    if jobs and not checked.settings:
        raise Refused(dict.fromkeys(problem for refusal in checked.refused.values() for problem in refusal.problems))
    checked.announce(jobs)
    return checked


def check_changes(composing: Composer, folders: Sequence[Path], changes: Sequence[str]) -> None:
    """Raises Refused with all problems if none of the runs in ``folders`` can go on with the ``changes``. If only some
    cannot, each of those is refused when its turn comes, and stays as it is."""
    problems: list[str] = []
    for folder in folders[:MOST_CHECKED]:
        try:
            read = composing.read([f"resume={literal(str(folder))}", *changes])
            plain, _ = plain_configuration(composing, read, composing.rewrite(read), Resume(RunFolder(folder)))
            configure(plain, composing.suggestions)
        except Refused as error:
            problems += error.problems
        except UserError as error:
            problems.append(str(error))
        else:
            return
    if problems:
        raise Refused(dict.fromkeys(problems))


def _settings_of(composing: Composer, job: Sequence[str], trusted: Sequence[Override] | None) -> Settings:
    """Returns the settings of a job, whose data can be opened. Raises Refused, and CannotCombine where the settings
    have no mistake and cannot be combined."""
    read = composing.read(job)
    branch = branch_of(read)
    with branch.checked() if branch else nullcontext() as staged:
        resume = Resume(staged, branch=True) if staged else None
        plain, _ = plain_configuration(composing, read, composing.rewrite(read), resume)
        if trusted is not None:
            refuse_saved_programs(plain, trusted)
        settings = configure(plain, composing.suggestions).settings
        try:
            ready(settings, staged)
        except AlreadyDone:
            raise
        except UserError as error:
            raise CannotCombine([str(error)]) from None
    return settings
