"""Checks each typed override, and rewrites it to the form that Hydra requires."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Glob, Override, QuotedString
from hydra.errors import HydraException

from ganlab.config import hydra_plugins
from ganlab.config.schema import hints, is_mapping, keys, table_of
from ganlab.config.settings import Settings
from ganlab.config.synonyms import also_called, meant
from ganlab.errors import Refused, nearest
from ganlab.table import Table

LISTS = ("tricks", "regularizer", "augment")  # groups of which several options may be chosen
RECIPE = "experiment"
TRICKS = "tricks"


class Overrides:
    """Checks and rewrites overrides for the groups of ``loader`` and their ``options``."""

    loader: ConfigLoader
    options: Mapping[str, Sequence[str]]

    @property
    def suggestions(self) -> dict[str, str]:
        """The text to type, by name of an option that was typed where a setting was expected."""
        return {
            option: f"{group}=[{option}]" if group in LISTS else f"{group}={option}"
            for group in ("loss", "regularizer", "augment", RECIPE, "tricks")
            for option in self.options.get(group, [])
        }

    # ------------------------------------------------------------------------------------------------------ overrides

    def is_group_choice(self, override: Override) -> bool:
        """Whether an override chooses an option (``norm=spectral``) rather than setting a value."""
        values = _values(override)
        return override.key_or_group in self.options and not any(isinstance(value, dict) for value in values)

    def _is_plugins_choice(self, group: str, value: Any) -> bool:
        """Whether a value names a component that has no option file, because it belongs to a plugin."""
        table = table_of(hints(Settings)[group]) if group in hints(Settings) else None
        known = table is not None and isinstance(value, str) and value in table
        return known and value not in self.options[group]

    def _unreadable(self, text: str, error: Exception) -> str:
        if "=" not in text:
            known = [*self.options, *keys(Settings)]
            name = text.lstrip("+~-")
            guess = name if name in known else nearest(name, known) or self.suggestions.get(name)
            hint = (
                f"; did you mean {guess if guess and '=' in guess else f'{guess}=…'}?" if guess else ", such as seed=1"
            )
            return f"{text}: need KEY=VALUE{hint}"
        reason = (str(error).splitlines() or [""])[0].removeprefix("LexerNoViableAltException: ")
        shown, reason = (one if len(one) <= 300 else f"{one[:297]}…" for one in (text, reason))
        return f"{shown}: cannot be read as KEY=VALUE ({reason}); values with spaces or signs need quotes: 'KEY=\"…\"'"

    def _choice_problems(self, override: Override) -> list[str]:
        """Returns the problems of the choice of an option, or of several."""
        group, values = override.key_or_group, _values(override)
        if group.startswith("hydra/"):
            known = self.loader.get_group_options(group)
            missing = [value for value in values if isinstance(value, str) and value not in known]
            return [hydra_plugins.missing(group, value, known) for value in missing]
        if group not in self.options or override.is_delete():
            return []
        options, several = self.options[group], group in LISTS
        if several and any(isinstance(value, dict) for value in values):
            names = [name for value in values if isinstance(value, dict) for name in map(str, value)]
            named = [name for name in names if name in options] or [next(iter(options), "")]
            return [
                f"{override.input_line}: need a list of names; type {group}=[{','.join(named)}], and settings as "
                f"{group}.{named[0]}.SETTING=…"
            ]
        if not self.is_group_choice(override):
            return []
        problems = []
        for value in values:
            if value is None and len(values) == 1 and (several or group == RECIPE):
                continue  # none of them
            if isinstance(value, list) and not several:
                problems.append(
                    f"{group}={_listed(value)}: {group} takes one option; several are a sweep, which needs -m"
                )
                continue
            for option in value if isinstance(value, list) else [value]:
                known_name = isinstance(option, str) and (option in options or self._is_plugins_choice(group, option))
                if known_name or isinstance(option, Glob):
                    continue
                name = "null" if option is None else str(option)
                instead = self._instead(group, "none" if option is None else name, isinstance(value, list))
                end = f"did you mean {instead}?" if instead else f"the options are {', '.join(options)}"
                if other := self._with_other_suffix(group, name):
                    end = f"{other} is not read; rename it to {name}.yaml"
                found = f"{group}=[{name}]" if isinstance(value, list) else f"{group}={name}"
                problems.append(f"{found}: no such option; {end}")
        return problems

    def _with_other_suffix(self, group: str, name: str) -> Path | None:
        """Returns the file of an option whose name ends in .yml, which Hydra does not read."""
        folders = [one.path.removeprefix("file://") for one in self.loader.get_search_path().get_path()]
        files = [Path(folder) / group / f"{name}.yml" for folder in folders]
        return next((file for file in files if os.path.isfile(file)), None)

    def _instead(self, group: str, name: str, listed: bool) -> str | None:
        """Returns the text to type for an option that does not exist: the option with this other name, an option of
        another group, or the one with the most similar name; None if there is none."""
        guess = also_called(name, self.options[group])
        if guess is None and group in LISTS:
            for other in ("norm", "init", "loss", *LISTS):
                options = self.options.get(other, [])
                there = name if name in options else also_called(name, options)
                if other != group and there is not None:
                    return f"{other}=[{there}]" if other in LISTS else f"{other}={there}"
        guess = guess or meant(name, self.options[group])
        return guess and (f"{group}=[{guess}]" if listed else f"{group}={guess}")

    def rewrite(self, read: Sequence[Override]) -> list[str]:
        """Returns the overrides in the form that Hydra requires.

        Values become ``++key=value``, so that unknown keys reach the parse, which has better suggestions. If a
        component is replaced by another (``init.generator=he``), the settings of the old one are removed, and then
        the typed settings are applied, whether they were typed before or after it.
        """
        slots, lists = dict(slot_tables(Settings)), set(mapping_slots(Settings))
        choices: list[str] = []
        components: list[tuple[int, list[str]]] = []
        values: list[str] = []
        for override in read:
            key, text = override.key_or_group, override.input_line or ""
            value = text.partition("=")[2]
            typed = _values(override)
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
            elif key in slots and len(typed) == 1 and isinstance(typed[0], dict):
                settings = [f"++{key}.{k}={_encoded(v)}" for k, v in typed[0].items()]
                components.append((key.count("."), [f"++{key}=null", *settings]))
            elif key in slots and all(isinstance(one, str) for one in typed):
                has_settings = any(other.key_or_group.startswith(f"{key}.") for other in read)
                named = [f"++{key}=null", f"++{key}.name={value}"] if has_settings else [f"++{key}={value}"]
                components.append((key.count("."), named))
            elif key in lists and all(isinstance(one, list) for one in typed):
                # Hydra cannot replace a mapping by a list, but by text, which the parse reads as names.
                has_settings = any(other.key_or_group.startswith(f"{key}.") for other in read)
                names = ",".join(_encoded(",".join(map(str, one))) for one in typed)
                mapping = [f"++{key}=null", *(f"++{key}.{name}={{}}" for name in typed[0])]
                components.append((key.count("."), mapping if has_settings else [f"++{key}={names}"]))
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
                f"[{one}]" if isinstance(one, str) else _listed(one) for one in typed if not isinstance(one, Glob)
            ]
            names = typed[0] if len(typed) == 1 and isinstance(typed[0], list) else typed
            own = [one for one in names if self._is_plugins_choice(group, one)] if len(typed) == 1 else []
            if own:  # a plugin's options have no option file
                known = [one for one in names if one not in own]
                return [f"{group}={_listed(known)}", *(f"++{group}.{one}={{}}" for one in own)]
            plus = "+" if override.is_add() and not override.is_force_add() else ""
            return [f"{plus}{group}={','.join(as_lists)}"] if as_lists else [text]
        if any(self._is_plugins_choice(group, one) for one in typed):
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


def _values(override: Override) -> list[Any]:
    """Returns the value of an override, or all values of a sweep, as a list."""
    value = override._value
    elements = value.list if isinstance(value, ChoiceSweep) else [value]
    return [_unquoted(element) for element in elements]


def _encoded(value: Any) -> str:
    """Returns a value as text of Hydra's override grammar."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{_encoded(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_encoded, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def _listed(names: Sequence[Any]) -> str:
    return f"[{','.join(map(str, names))}]"


def _unquoted(element: Any) -> Any:
    if isinstance(element, QuotedString):
        return element.text
    if isinstance(element, list):
        return [_unquoted(item) for item in element]
    if isinstance(element, dict):
        return {_unquoted(key): _unquoted(value) for key, value in element.items()}
    return element


def slot_tables(kind: type, prefix: str = "") -> Iterator[tuple[str, Table[Any]]]:
    """Yields the full keys of settings that are a named component, each with the table of its components."""
    for name, annotation in hints(kind).items():
        full = f"{prefix}{name}"
        table = table_of(annotation)
        if table is not None and not is_mapping(annotation):
            yield full, table
            for component in table.values():
                yield from slot_tables(component, f"{full}.")
        elif is_dataclass(annotation):
            yield from slot_tables(annotation, f"{full}.")  # type: ignore[arg-type]


def mapping_slots(kind: type, prefix: str = "") -> Iterator[str]:
    """Yields the full keys of settings that are several named components."""
    for name, annotation in hints(kind).items():
        full = f"{prefix}{name}"
        if is_mapping(annotation) and table_of(annotation) is not None:
            yield full
        elif table_of(annotation) is None and is_dataclass(annotation):
            yield from mapping_slots(annotation, f"{full}.")  # type: ignore[arg-type]
