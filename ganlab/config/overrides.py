"""Rewrites typed overrides to the form that Hydra requires."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob, Override
from hydra.errors import HydraException

from ganlab.config.choices import LISTS, RECIPE, Choices, listed, values_of
from ganlab.config.outline import known_settings
from ganlab.config.schema import mapping_slots, slot_tables
from ganlab.errors import Refused


class Overrides(Choices):
    """Checks overrides, rewrites them, and splits them into the jobs of a sweep."""

    def rewrite(self, read: Sequence[Override]) -> list[str]:
        """Returns the overrides in the form that Hydra requires.

        Values become ``++key=value``, so that unknown keys reach the parse, which has better suggestions. If a
        component is replaced by another (``init.generator=he``), the settings of the old one are removed, and then
        the typed settings are applied, whether they were typed before or after it.
        """
        choices: list[str] = []
        components: list[tuple[int, list[str]]] = []
        values: list[str] = []
        for override in read:
            key, text = override.key_or_group, override.input_line or ""
            value = text.partition("=")[2]
            typed = values_of(override)
            if override.is_hydra_override():
                choices.append(text)
            elif override.is_delete():
                choices.append(f"{key}=[]" if key in LISTS else text)
            elif self.is_group_choice(override):
                choices += self._rewritten_choice(override, value, typed)
            elif key in self.options and isinstance(typed[0], dict) and len(typed) == 1:
                name = typed[0].get("name")
                choices += [f"{key}={name}"] if name in self.options[key] else []
                values += [f"++{key}.{k}={_encoded(v)}" for k, v in typed[0].items() if not (choices and k == "name")]
            elif component := _component(key, value, typed, read):
                components.append((key.count("."), component))
            else:
                values.append(f"++{key}={value}")
        # A component precedes its settings, and an outer component precedes an inner one.
        replaced = [text for _, texts in sorted(components, key=lambda one: one[0]) for text in texts]
        return [*choices, *replaced, *values]

    def _rewritten_choice(self, override: Override, value: str, typed: Sequence[Any]) -> list[str]:
        group, text = override.key_or_group, override.input_line or ""
        if group == RECIPE and typed == [None]:
            return []
        if group in LISTS:
            if typed == [None]:
                return [f"{group}=[]"]
            as_lists = [
                f"[{one}]" if isinstance(one, str) else listed(one) for one in typed if not isinstance(one, Glob)
            ]
            names = typed[0] if len(typed) == 1 and isinstance(typed[0], list) else typed
            own = [one for one in names if self.is_plugins_choice(group, one)] if len(typed) == 1 else []
            if own:  # a plugin's options have no option file
                known = [one for one in names if one not in own]
                return [f"{group}={listed(known)}", *(f"++{group}.{one}={{}}" for one in own)]
            plus = "+" if override.is_add() and not override.is_force_add() else ""
            return [f"{plus}{group}={','.join(as_lists)}"] if as_lists else [text]
        if any(self.is_plugins_choice(group, one) for one in typed):
            return [f"++{group}.name={value}"]
        return [text.lstrip("+")]  # `+norm=…`: the group is in the defaults list already

    def jobs(self, rewritten: Sequence[str]) -> list[list[str]]:
        """Returns the overrides of each job of a sweep. Raises Refused if the jobs cannot be determined: an interval
        has no end, needs a sweeper that chooses values, and is left out of the jobs then."""
        from hydra._internal.core_plugins.basic_sweeper import BasicSweeper

        parsed = OverridesParser.create(config_loader=self.loader).parse_overrides(list(rewritten))
        endless = [one for one in parsed if one.is_sweep_override() and not one.is_discrete_sweep()]
        if endless and not any(one.key_or_group == "hydra/sweeper" for one in parsed):
            instead = "an interval needs a sweeper that chooses; type hydra/sweeper=optuna evaluation=scores"
            lines = [f"{(one.input_line or '').lstrip('+')}: {instead}" for one in endless]
            raise Refused(lines)
        countable = [one for one in parsed if not one.is_hydra_override() and one not in endless]
        try:
            (batch,) = BasicSweeper.split_arguments(countable, None)
        except (HydraException, ValueError) as error:
            raise Refused([f"this sweep cannot be split into jobs ({error})"]) from None
        if not batch:
            raise Refused(["this sweep has no jobs; one of its ranges is empty"])
        return [list(job) for job in batch]


def typed(read: Sequence[Override], key: str) -> Override | None:
    """Returns the last override of a key, if it was typed."""
    return next((one for one in reversed(read) if one.key_or_group == key), None)


def _component(key: str, value: str, typed: Sequence[Any], read: Sequence[Override]) -> list[str]:
    """Returns the overrides that replace a component, or several named ones, by what was typed; none if ``key`` is
    another setting. ``typed`` are the values of ``value``, of which a sweep has several."""
    has_settings = any(other.key_or_group.startswith(f"{key}.") for other in read)
    if key in dict(slot_tables(known_settings())):
        if len(typed) == 1 and isinstance(typed[0], dict):
            return [f"++{key}=null", *(f"++{key}.{name}={_encoded(inner)}" for name, inner in typed[0].items())]
        if all(isinstance(one, str) for one in typed):
            return [f"++{key}=null", f"++{key}.name={value}"] if has_settings else [f"++{key}={value}"]
    if key in set(mapping_slots(known_settings())) and all(isinstance(one, list) for one in typed):
        if has_settings:
            return [f"++{key}=null", *(f"++{key}.{name}={{}}" for name in typed[0])]
        # Hydra cannot replace a mapping by a list, but by text, which the parse reads as names.
        return [f"++{key}={','.join(_encoded(','.join(map(str, one))) for one in typed)}"]
    return []


def _encoded(value: Any) -> str:
    """Returns a value as text of Hydra's override grammar."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{_encoded(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_encoded, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
