"""The factors of a sweep, which are the settings that vary between its runs, and their levels. The seed is none."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ganlab.errors import UserError, nearest
from ganlab.report.analysis.groups import MOST_LEVELS
from ganlab.report.model import Factor

SEED = "seed"
AUTO = "auto"
RESOLVED = re.compile(
    r"condition\.generator|norm\.\w+\.(layer|weight)|init\.\w+|evaluation\.features|(schedule|optimizer)(\.\w+)+"
)
"""The settings whose ``auto`` is resolved before the first step (config/auto.py). Elsewhere, as in data.range, it is a
value like others."""
NOT_TYPED = "(not typed)"
NO_CHOICE = ("resume", "resume_override", "plugins", "hydra", "logging", "checkpoint")
"""Settings that change no training: they are no factors, unless they were swept on purpose."""
WHERE = ("runtime", "data.root", "data.download", SEED)
"""Further settings that are no factors where they merely differ between runs that were started one by one."""


@dataclass(frozen=True)
class Choices:
    """The ``factors``, and for each run (in order) its ``levels`` by factor and its ``seeds``; None where it is not
    known. ``notes`` say what was not obvious."""

    factors: tuple[Factor, ...]
    levels: tuple[Mapping[str, str], ...]
    seeds: tuple[str | None, ...]
    notes: tuple[str, ...] = ()


def choices_of(overrides: Sequence[Sequence[str] | None], configs: Sequence[Mapping[str, Any]]) -> Choices:
    """Returns the factors of runs from what was typed for each of them (None where that is not known) and from their
    plain configurations (empty where they cannot be read)."""
    typed = [None if one is None else _pairs(one) for one in overrides]
    leaves = [leaves_of(config) for config in configs]
    seeds = tuple(_seed(one, config) for one, config in zip(typed, configs, strict=True))
    columns = _typed_columns(typed, leaves)
    columns |= _unexplained(columns, leaves)
    return _choices(columns, seeds)


def _pairs(overrides: Sequence[str]) -> dict[str, str]:
    """Returns typed values by key; ``~key`` takes a setting away."""
    found = {}
    for override in overrides:
        key, equals, value = override.lstrip("+").partition("=")
        found[key] = value if equals else "(taken away)" if key.startswith("~") else ""
    return found


def _seed(typed: Mapping[str, str] | None, config: Mapping[str, Any]) -> str | None:
    if typed and SEED in typed:
        return typed[SEED]
    return str(config[SEED]) if SEED in config else None


def leaves_of(config: Mapping[str, Any]) -> dict[str, str]:
    """Returns the values of a configuration as text by full key, without those that are no choice."""
    found: dict[str, str] = {}

    def add(node: Any, key: str) -> None:
        if isinstance(node, Mapping) and node:
            for name, inner in node.items():
                add(inner, f"{key}.{name}" if key else str(name))
        elif key and not within(key, (*NO_CHOICE, *WHERE)):
            found[key] = node if isinstance(node, str) else json.dumps(node, default=str)

    add(config, "")
    return found


def within(key: str, groups: Sequence[str]) -> bool:
    return any(key == group or key.startswith((f"{group}.", f"{group}/")) for group in groups)


def _typed_columns(
    typed: Sequence[Mapping[str, str] | None], leaves: Sequence[Mapping[str, str]]
) -> dict[str, list[str | None]]:
    """Returns for each key that was typed with different values the level of each run: None where it is not known."""
    keys = dict.fromkeys(key for one in typed if one is not None for key in one)
    columns: dict[str, list[str | None]] = {}
    for key in keys:
        column = [None if one is None else one.get(key, NOT_TYPED) for one in typed]
        known = {value for value in column if value is not None}
        swept_on_purpose = NOT_TYPED not in known
        left_out = (SEED,) if swept_on_purpose else (*NO_CHOICE, *WHERE)
        if len(known) > 1 and not within(key, (*left_out, "hydra", "resume")):
            columns[key] = column
    # One run may have typed what another has by default: such a key is no factor if all configurations are the same
    # without it.
    for key in [key for key, column in columns.items() if NOT_TYPED in column]:
        others = {name: column for name, column in columns.items() if name != key}
        if all(leaves) and not _unexplained(others, leaves):
            del columns[key]
    return columns


def _unexplained(
    columns: Mapping[str, Sequence[str | None]], leaves: Sequence[Mapping[str, str]]
) -> dict[str, list[str | None]]:
    """Returns the settings that differ between runs whose ``columns`` are equal, with the value of each run. Settings
    that vary together are one, named by what they share."""
    groups: dict[tuple[str | None, ...], list[int]] = {}
    for number, one in enumerate(leaves):
        if one and not _unresolved(one):
            groups.setdefault(tuple(column[number] for column in columns.values()), []).append(number)
    differing: dict[str, None] = {}
    for numbers in groups.values():
        first = leaves[numbers[0]]
        for number in numbers[1:]:
            if leaves[number] != first:
                both = {**first, **leaves[number]}
                differing |= dict.fromkeys(key for key in both if first.get(key) != leaves[number].get(key))
    together: dict[tuple[int, ...], list[str]] = {}
    for key in differing:
        order: dict[str | None, int] = {}
        partition = tuple(order.setdefault(one.get(key), len(order)) if one else -1 for one in leaves)
        together.setdefault(partition, []).append(key)
    found = {}
    for keys in together.values():
        name = _shared(keys)
        shown = next((key for key in (f"{name}.name", *keys) if key in keys), keys[0])
        values = [one.get(shown, NOT_TYPED) if one else None for one in leaves]
        if len(set(values)) < len({tuple(one.get(key) for key in keys) for one in leaves if one}):
            values = [", ".join(one.get(key, NOT_TYPED) for key in keys) if one else None for one in leaves]
        found[name] = values
    return found


def _unresolved(leaves: Mapping[str, str]) -> bool:
    """Whether the settings are those of a run that ended before ``auto`` was resolved."""
    return any(value == AUTO and RESOLVED.fullmatch(key) for key, value in leaves.items())


def _shared(keys: Sequence[str]) -> str:
    """Returns the beginning that full keys share, or the first of them and how many there are more."""
    if len(keys) == 1:
        return keys[0].removesuffix(".name")
    parts = [key.split(".") for key in keys]
    shared = []
    for column in zip(*parts, strict=False):
        if len(set(column)) > 1:
            break
        shared.append(column[0])
    named = [key.removesuffix(".name") for key in keys if key.endswith(".name")]
    return ".".join(shared) or f"{(named or list(keys))[0]} and {len(keys) - 1} more"


def _choices(columns: Mapping[str, Sequence[str | None]], seeds: tuple[str | None, ...]) -> Choices:
    """Makes factors of columns. Columns that divide the runs alike are one factor."""
    alike: dict[tuple[int | str, ...], list[str]] = {}
    for name, column in columns.items():
        order: dict[str | None, int] = {}
        partition: tuple[int | str, ...] = tuple(order.setdefault(level, len(order)) for level in column)
        # Numbers that a sweeper draws are different in each run, and do not vary together for that.
        drawn = len(order) == len(column) > MOST_LEVELS
        alike.setdefault((name,) if drawn else partition, []).append(name)
    factors, notes = [], []
    levels: list[dict[str, str]] = [{} for _ in seeds]
    for names in alike.values():
        for number in range(len(seeds)):
            values = [columns[name][number] for name in names]
            if values[0] is not None:
                levels[number][names[0]] = values[0]
        found = dict.fromkeys(one[names[0]] for one in levels if names[0] in one)
        factors.append(Factor(names[0], tuple(in_order(list(found))), tuple(names[1:])))
        if len(names) > 1:
            notes.append(f"{', '.join(names)} vary together: their effects cannot be told apart.")
    return Choices(tuple(factors), tuple(levels), seeds, tuple(notes))


def with_baselines(factors: Sequence[Factor], typed: Sequence[str]) -> tuple[Factor, ...]:
    """Returns the factors with the ``typed`` baselines (``init=normal``). Of lists, such as tricks, of which one holds
    all others, that one is the baseline: what is left out is compared with the whole. Raises UserError."""
    for one in typed:
        if "=" not in one:
            raise UserError(f"baseline={one}: name a level of it too, such as init=normal")
    chosen = dict(one.partition("=")[::2] for one in typed)
    for name, level in chosen.items():
        known = {factor.name: factor.levels for factor in factors}
        if name not in known:
            guess = nearest(name, known)
            hint = f"did you mean {guess}?" if guess else f"the factors are {', '.join(known) or 'none'}"
            raise UserError(f"baseline={name}={level}: {name} is no factor of these runs; {hint}")
        if level not in known[name]:
            raise UserError(f"baseline={name}={level}: no such level; {name} has {', '.join(known[name])}")
    return tuple(replace(factor, baseline=chosen.get(factor.name, _whole(factor.levels))) for factor in factors)


def _whole(levels: Sequence[str]) -> str | None:
    """Returns the level whose list holds the lists of all other levels, if there are at least two others."""
    sets = {level: set(level[1:-1].split(",")) - {""} for level in levels if re.fullmatch(r"\[.*\]", level)}
    if len(sets) < max(3, len(levels)):
        return None
    largest = max(sets, key=lambda level: len(sets[level]))
    return largest if all(one < sets[largest] for level, one in sets.items() if level != largest) else None


def in_order(levels: Sequence[str]) -> list[str]:
    """Returns numbers in ascending order, anything else as it is."""
    try:
        return sorted(levels, key=float)
    except ValueError:
        return list(levels)
