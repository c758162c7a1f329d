"""Settings that vary with a factor although they were not typed: a loss brings learning rates along, for instance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ganlab.report.analysis.factors import AUTO, leaves_of, within
from ganlab.report.analysis.groups import MOST_LEVELS
from ganlab.report.model import Confounded, Factor, Run

SETS = ("tricks", "experiment", "study")
"""Factors whose levels are sets of settings, which whoever types them means."""
ABSENT = "–"

Leaves = Mapping[str, str]


def confounded_of(
    runs: Sequence[Run], factors: Sequence[Factor], configs: Sequence[Mapping[str, Any]]
) -> tuple[Confounded, ...]:
    """Returns for each factor the settings in which runs differ that were typed alike but for this factor, by their
    plain configurations (empty where they cannot be read). Settings with the same values are together."""
    known = []
    for run, config in zip(runs, configs, strict=True):
        leaves = {key: text for key, text in leaves_of(config).items() if text != "{}"}
        if leaves and AUTO not in leaves.values():  # the settings of a run that ended before ``auto`` was resolved
            known.append((run, leaves))
    found = []
    for factor in factors:
        if len(factor.levels) > MOST_LEVELS or factor.name in SETS:
            continue
        matched: dict[tuple[str | None, ...], list[Leaves]] = {}
        by_level: dict[str, list[Leaves]] = {}
        for run, leaves in known:
            if factor.name in run.levels:
                others = (run.levels.get(other.name) for other in factors if other.name != factor.name)
                matched.setdefault((run.seed, *others), []).append(leaves)
                by_level.setdefault(run.levels[factor.name], []).append(leaves)
        keys = [key for key in _differing(matched.values()) if not within(key, (factor.name, *factor.merged))]
        found += _together(factor, keys, by_level)
    return tuple(found)


def differing(confounded: Sequence[Confounded], factor: str, first: str, second: str) -> list[str]:
    """Returns the settings that differ between two levels of a factor, besides what was typed."""
    return [
        setting
        for one in confounded
        if one.factor == factor and one.values.get(first) != one.values.get(second)
        for setting in one.settings
    ]


def _differing(groups: Any) -> list[str]:
    """Returns the settings that differ within a group: of other components the place that they are in, and of what a
    run lacks the highest part that it lacks."""
    found: dict[str, None] = {}
    for group in groups:
        for leaves in group[1:]:
            first = group[0]
            if leaves != first:
                for key in {**first, **leaves}:
                    if first.get(key) != leaves.get(key):
                        found[_highest(key, first, leaves)] = None
    return list(found)


def _highest(key: str, *both: Leaves) -> str:
    parts = key.split(".")
    for count in range(1, len(parts)):
        part = ".".join(parts[:count])
        if len({leaves.get(f"{part}.name") for leaves in both}) > 1:
            return part
        if not all(any(within(other, (part,)) for other in leaves) for leaves in both):
            return part
    return key


def _together(factor: Factor, keys: Sequence[str], by_level: Mapping[str, Sequence[Leaves]]) -> list[Confounded]:
    alike: dict[tuple[str, ...], list[str]] = {}
    levels = [level for level in factor.levels if level in by_level]
    for key in keys:
        texts = tuple(" or ".join(dict.fromkeys(_text(key, leaves) for leaves in by_level[level])) for level in levels)
        alike.setdefault(texts, []).append(key)
    return [
        Confounded(factor.name, tuple(some), dict(zip(levels, texts, strict=True))) for texts, some in alike.items()
    ]


def _text(key: str, leaves: Leaves) -> str:
    """Returns the value of a setting, or of a component its name, or the names of those in it."""
    if key in leaves:
        return leaves[key]
    if f"{key}.name" in leaves:
        return leaves[f"{key}.name"]
    inner = [other[len(key) + 1 :] for other in leaves if other.startswith(f"{key}.")]
    named = dict.fromkeys(one.partition(".")[0] for one in inner if "." in one)
    return ", ".join(named) or ("present" if inner else ABSENT)
