"""The configuration of a run that is resumed: the saved one, with the settings that were typed."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.override_parser.types import Override

from ganlab.config import CannotCombine, Settings, configure
from ganlab.config.compose import Composer
from ganlab.config.dump import dump
from ganlab.config.parse import parse
from ganlab.config.paths import value_of
from ganlab.config.plain import assign, is_schedule, leaves, lookup
from ganlab.errors import Refused

AUTO = "auto"
"""With ``resume=auto`` the same command starts the run in ``hydra.run.dir`` or, if it exists, resumes it."""

FREE = (
    "steps", "rules", "logging", "checkpoint", "divergence", "diagnosis", "evaluation", "runtime", "data.root",
    "data.download",
)  # fmt: skip
"""Settings that may change when a run is resumed."""

OVERRIDABLE = ("optimizer", "regularizer", "targets", "augment", "schedule", "averaging", "constraint")
"""Settings that may change with ``resume_override=true``: they affect the training from then on, and the saved state
stays valid."""

REASONS = {  # the reason why a setting cannot change; inner settings precede the settings that contain them
    "optimizer.generator.name": "the saved moments are those of the other optimizer",
    "optimizer.discriminator.name": "the saved moments are those of the other optimizer",
    "averaging.name": "the saved average is of the other kind",
    "schedule.name": "the updates so far were counted by the other schedule",
    "generator": "the saved weights are of that network",
    "discriminator": "the saved weights are of that network",
    "norm": "the saved weights and statistics are those of its layers",
    "init": "its weights were initialized when it began",
    "latent": "its generator was trained on those latents",
    "condition": "its networks were built for those labels",
    "loss": "its discriminator was trained with that loss",
    "data": "its position in the data is counted in those images",
    "batch_size": "its position in the data, and the steps of lazy regularizers, are counted in batches of that size",
    "seed": "its random numbers so far came from that seed",
}

OF_A_BRANCH = (
    "optimizer.generator.name", "optimizer.discriminator.name", "averaging.name", "schedule.name", "generator",
    "discriminator", "norm", "init", "latent", "condition",
)  # fmt: skip
"""Settings that cannot change when a new run begins from a saved state: the state does not fit them, or they would
change nothing (``init``). The others of
``REASONS`` may, since the result is another run."""


@dataclass(frozen=True)
class Change:
    """A setting whose value differs from the saved one."""

    key: str
    before: Any
    now: Any


def resumed(
    composing: Composer, read: Sequence[Override], saved: dict[str, Any], began: bool = True, branch: bool = False
) -> tuple[dict[str, Any], list[Change]]:
    """Returns the saved plain configuration with the typed settings, and each setting that they change. ``began``:
    the run has a checkpoint; without one every setting may change. ``branch``: the settings are those of a new run
    that begins from the saved state. Raises Refused with all changes that the saved state does not allow, and the
    reasons.

    A setting that is typed with its saved value changes nothing, so that the command that started a run may be typed
    again. The saved ``plugins`` are not imported: the user types those that are trusted.
    """
    own = ("resume", "resume_override", "branch", "plugins")
    typed = [one for one in read if one.key_or_group not in own and not one.is_hydra_override()]
    resumed = copy.deepcopy(saved)
    fresh = composing.plain(composing.rewrite([one for one in read if composing.is_group_choice(one)]))
    for one in typed:
        key = one.key_or_group
        if key in ("experiment", "tricks"):
            raise Refused([f"{one.input_line}: a saved run has its recipe and tricks; type the settings that change"])
        # A value changes one saved setting; an option replaces its whole group.
        assign(resumed, key, fresh[key] if composing.is_group_choice(one) else value_of(one))
    plugins = [one.value() for one in read if one.key_or_group == "plugins"]
    resumed |= {"plugins": plugins[-1] if plugins else [], "resume": None, "resume_override": False}
    resumed["branch"] = None
    try:
        unresolved = dump(Settings, parse(Settings, resumed, composing.suggestions))
        try:
            after = configure(resumed, composing.suggestions).plain()
        except CannotCombine:
            # Whether the settings can be combined does not matter if one of them cannot change.
            if began and (problems := _problems(_changes(saved, unresolved, typed), typed, True, branch)):
                raise Refused(problems) from None
            raise
    except Refused as error:
        problems = [f"{_origin(problem, typed)}{problem}" for problem in error.problems]
        if saved.get("plugins"):
            problems.append(f"it was trained with plugins={saved['plugins']}: type them too if you trust them")
        raise Refused(problems) from None
    return resumed, _allowed_changes(saved, after, typed, _override(read), began, branch)


def typed_again(
    composing: Composer, read: Sequence[Override], plain: dict[str, Any], saved: dict[str, Any], began: bool
) -> tuple[dict[str, Any], list[Change]]:
    """Returns ``plain``, the configuration of a whole command that was typed again, and each setting that differs from
    the saved run. Raises Refused as ``resumed`` does."""
    typed = [one for one in read if one.key_or_group not in ("resume", "resume_override")]
    again = {**plain, "resume": None, "resume_override": False}
    after = configure(again, composing.suggestions).plain()
    return again, _allowed_changes(saved, after, typed, _override(read), began)


def _override(read: Sequence[Override]) -> bool:
    """Returns whether resume_override=true was typed. Raises Refused for values other than true and false."""
    typed = [one.value() for one in read if one.key_or_group == "resume_override"]
    if typed and not isinstance(typed[-1], bool):
        raise Refused([f"resume_override: found {typed[-1]!r}, need true or false"])
    return bool(typed and typed[-1])


def _allowed_changes(
    saved: dict[str, Any],
    after: dict[str, Any],
    typed: Sequence[Override],
    allowed: bool,
    began: bool,
    branch: bool = False,
) -> list[Change]:
    """Returns the changes. Raises Refused if the state of a run that ``began`` does not allow one."""
    if not began:  # saved as it was typed, before ``auto`` was resolved
        with contextlib.suppress(Refused):
            saved = configure(saved).plain()
    changes = _changes(saved, after, typed)
    if began and (problems := _problems(changes, typed, allowed, branch)):
        raise Refused(problems)
    return changes


def table(changes: Sequence[Change]) -> str:
    """Returns the changes as lines of text with the columns setting, before, and now."""
    rows = [("setting", "before", "now"), *((one.key, _shown(one.before), _shown(one.now)) for one in changes)]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    return "\n".join(f"  {key:<{widths[0]}}  {before:<{widths[1]}}  {now}" for key, before, now in rows)


def _changes(saved: dict[str, Any], after: dict[str, Any], typed: Sequence[Override]) -> list[Change]:
    """Returns each setting whose value differs from the saved one. A setting that is missing in the saved
    configuration, of an earlier version, is included only if it was typed."""
    changes = []
    for group, now in after.items():
        if group in ("plugins", "resume", "resume_override", "branch", "jobs"):
            continue
        for key in dict.fromkeys(key for tree in (saved.get(group), now) for key, _ in leaves(tree, group)):
            before, value = lookup(saved, key), lookup(after, key)
            known = _has(saved, key) or _typed_for(key, typed) is not None
            parts = key.split(".")
            if any(lookup(after, ".".join(parts[:count])) == "auto" for count in range(1, len(parts) + 1)):
                continue
            if known and (not isinstance(value, dict) or is_schedule(value)) and _listed(before) != _listed(value):
                changes.append(Change(key, before, value))
    return changes


def _problems(changes: Sequence[Change], typed: Sequence[Override], allowed: bool, branch: bool = False) -> list[str]:
    """Returns one line for each override whose changes are refused. ``allowed``: resume_override=true was typed."""
    problems: dict[str, str] = {}
    for change in sorted(changes, key=lambda change: _within(change.key, REASONS) not in REASONS):
        key = change.key
        if _within(key, FREE) or (branch and not _within(key, OF_A_BRANCH)):
            continue
        learning = _within(key, OVERRIDABLE) and key not in REASONS
        if learning and (allowed or branch):
            continue
        one = _typed_for(key, typed)
        what = (one.input_line if one else None) or f"{key}={_shown(change.now)}"
        why = f"the run has {key}={_shown(change.before)}"
        if learning and not branch:
            why += "; type resume_override=true too to train with it from here on"
        else:
            reason = REASONS[_within(key, REASONS) or "loss"]
            why += f", and {reason}; leave it out, or begin a new run without {'branch' if branch else 'resume'}"
        problems.setdefault(what, f"{what}: {why}")
    return list(problems.values())


def _typed_for(key: str, typed: Sequence[Override]) -> Override | None:
    return next((one for one in reversed(typed) if _within(key, [one.key_or_group])), None)


def _within(key: str, groups: Iterable[str]) -> str | None:
    """Returns the first of ``groups`` that contains the setting."""
    return next((group for group in groups if key == group or key.startswith(f"{group}.")), None)


def _has(plain: Any, key: str) -> bool:
    *parents, last = key.split(".")
    inner = lookup(plain, ".".join(parents)) if parents else plain
    return isinstance(inner, dict) and last in inner


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _shown(value: Any) -> str:
    if is_schedule(value):
        return "{" + ", ".join(f"{name}: {one}" for name, one in value.items()) + "}"
    return "nothing" if value is None else str(value)


def _origin(problem: str, typed: Sequence[Override]) -> str:
    return "" if any(problem.startswith(one.key_or_group) for one in typed) else "saved config.yaml: "
