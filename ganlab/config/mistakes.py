"""Finds mistakes in what was typed before the components, and with them PyTorch, are imported."""

from __future__ import annotations

from collections.abc import Sequence

from hydra.core.override_parser.types import Override

from ganlab.config.choices import RECIPE
from ganlab.config.compose import Composer
from ganlab.config.outline import known_settings
from ganlab.config.parse import parse
from ganlab.errors import Refused

ELSEWHERE = ("resume", "resume_override", "branch", "study")
"""Settings with which the configuration is not made of option files and of what was typed alone."""

OF_SWEEP = ("jobs",)
MOST_JOBS = 256


def refuse_mistakes(composing: Composer, read: Sequence[Override], multirun: bool) -> None:
    """Raises Refused for names and values that no setting has, with all that a complete check would find: in one run,
    or in any job of a sweep. Finds none where a saved run, a study or another sweeper has a say; the complete check,
    which follows, finds those."""
    keys = {one.key_or_group for one in read}
    several = any(one.is_sweep_override() for one in read)
    own = [one for one in read if not one.is_hydra_override() and one.key_or_group not in OF_SWEEP]
    if keys & {*ELSEWHERE} or _sweeps_by_recipe(composing, read) or "hydra.mode" in keys:
        return
    if multirun:
        if not any(one.key_or_group.startswith(("hydra/", "hydra.sweeper")) for one in read):
            _refuse_mistakes_of_jobs(composing, own)
    elif not several and not keys & {*OF_SWEEP}:
        parse(known_settings(), composing.plain(composing.rewrite(read)), composing.suggestions)


def _refuse_mistakes_of_jobs(composing: Composer, own: Sequence[Override]) -> None:
    """Checks the first job, and the others where that has a mistake: most mistakes are in what all jobs share."""
    jobs = composing.jobs([one.input_line or "" for one in own]) if own else [[]]
    problems: list[str] = []
    for job in jobs[:MOST_JOBS]:
        try:
            rewritten = composing.rewrite(composing.read(job))
            parse(known_settings(), composing.plain(rewritten), composing.suggestions)
        except Refused as error:
            problems += error.problems
        if not problems:
            return
    raise Refused(problems)


def _sweeps_by_recipe(composing: Composer, read: Sequence[Override]) -> bool:
    names = [one.value() for one in read if one.key_or_group == RECIPE and not one.is_sweep_override()]
    return any(isinstance(name, str) and "hydra" in composing.text_of(f"{RECIPE}/{name}") for name in names)
