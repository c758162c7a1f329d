"""Checks the options that overrides choose."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.types import ChoiceSweep, Glob, Override, QuotedString

from ganlab.config import hydra_plugins
from ganlab.config.outline import known_settings
from ganlab.config.paths import to_type
from ganlab.config.schema import hints, keys, table_of
from ganlab.config.synonyms import also_called, meant
from ganlab.errors import nearest

LISTS = ("tricks", "regularizer", "augment")  # groups of which several options may be chosen
RECIPE = "experiment"
TRICKS = "tricks"


class Choices:
    """The groups of ``loader`` with their ``options``, and the checks of overrides that choose one."""

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

    def is_group_choice(self, override: Override) -> bool:
        """Whether an override chooses an option (``norm=spectral``) rather than setting a value."""
        values = values_of(override)
        return override.key_or_group in self.options and not any(isinstance(value, dict) for value in values)

    def is_plugins_choice(self, group: str, value: Any) -> bool:
        """Whether a value names a component that has no option file, because it belongs to a plugin."""
        table = table_of(hints(known_settings())[group]) if group in hints(known_settings()) else None
        known = table is not None and isinstance(value, str) and value in table
        return known and value not in self.options[group]

    def unreadable(self, text: str, error: Exception) -> str:
        """Returns a sentence on an override that Hydra's grammar does not allow."""
        if "=" not in text:
            known = [*self.options, *keys(known_settings())]
            name = text.lstrip("+~-")
            guess = name if name in known else nearest(name, known) or self.suggestions.get(name)
            hint = (
                f"; did you mean {guess if guess and '=' in guess else f'{guess}=…'}?" if guess else ", such as seed=1"
            )
            return f"{text}: need KEY=VALUE{hint}"
        reason = (str(error).splitlines() or [""])[0].removeprefix("LexerNoViableAltException: ")
        shown, reason = (one if len(one) <= 300 else f"{one[:297]}…" for one in (text, reason))
        return f"{shown}: cannot be read as KEY=VALUE ({reason}); values with spaces or signs need quotes: 'KEY=\"…\"'"

    def choice_problems(self, override: Override) -> list[str]:
        """Returns the problems of the choice of an option, or of several."""
        group, values = override.key_or_group, values_of(override)
        if group.startswith("hydra/"):
            known = self.loader.get_group_options(group)
            missing = [value for value in values if isinstance(value, str) and value not in known]
            return [hydra_plugins.missing(group, value, known) for value in missing]
        if group not in self.options or override.is_delete():
            return []
        if group in LISTS and any(isinstance(value, dict) for value in values):
            return [self._need_names(override, values)]
        if not self.is_group_choice(override):
            return []
        if values == [None] and (group in LISTS or group == RECIPE):
            return []  # none of them
        problems = []
        for value in values:
            if isinstance(value, list) and group not in LISTS:
                several = f"{group} takes one option; several are a sweep, which needs -m"
                problems.append(f"{group}={listed(value)}: {several}")
            else:
                for option in value if isinstance(value, list) else [value]:
                    problems += self._unknown_option(group, option, isinstance(value, list))
        return problems

    def _need_names(self, override: Override, values: Sequence[Any]) -> str:
        """Returns a sentence on settings that were typed in place of the names of a list."""
        group = override.key_or_group
        names = [name for value in values if isinstance(value, dict) for name in map(str, value)]
        named = [name for name in names if name in self.options[group]] or [next(iter(self.options[group]), "")]
        return (
            f"{override.input_line}: need a list of names; type {group}=[{','.join(named)}], and settings as "
            f"{group}.{named[0]}.SETTING=…"
        )

    def _unknown_option(self, group: str, option: Any, in_list: bool) -> list[str]:
        """Returns a sentence on an option that does not exist, with a suggestion; none if it exists."""
        options = self.options[group]
        known = isinstance(option, str) and (option in options or self.is_plugins_choice(group, option))
        if known or isinstance(option, Glob):
            return []
        name = "null" if option is None else str(option)
        instead = self._instead(group, "none" if option is None else name, in_list)
        end = f"did you mean {instead}?" if instead else f"the options are {', '.join(options)}"
        if place := _place_of_images(group, name):
            end = f"it is a place of images; type {place}"
        if other := self._with_other_suffix(group, name):
            end = f"{other} is not read; rename it to {name}.yaml"
        return [f"{group}=[{name}]: no such option; {end}" if in_list else f"{group}={name}: no such option; {end}"]

    def _with_other_suffix(self, group: str, name: str) -> Path | None:
        """Returns the file of an option whose name ends in .yml, which Hydra does not read."""
        folders = [one.path.removeprefix("file://") for one in self.loader.get_search_path().get_path()]
        files = [Path(folder) / group / f"{name}.yml" for folder in folders]
        return next((file for file in files if os.path.isfile(file)), None)

    def _instead(self, group: str, name: str, listed: bool) -> str | None:
        """Returns the text to type for an option that does not exist: the option with this other name, an option of
        another group, or the one with the most similar name; None if there is none."""
        names = [one.strip() for one in name.split(",")]
        if group in LISTS and len(names) > 1 and all(one in self.options[group] for one in names):
            return f"{group}=[{','.join(names)}]"
        guess = also_called(name, self.options[group])
        if guess is None and group in LISTS:
            for other in ("norm", "init", "loss", *LISTS):
                options = self.options.get(other, [])
                there = name if name in options else also_called(name, options)
                if other != group and there is not None:
                    return f"{other}=[{there}]" if other in LISTS else f"{other}={there}"
        guess = guess or meant(name, self.options[group])
        return guess and (f"{group}=[{guess}]" if listed else f"{group}={guess}")


def _place_of_images(group: str, name: str) -> str | None:
    """Returns what to type for a path in the place of a data set, None for another name."""
    if group != "data" or not ("/" in name or "\\" in name or os.path.exists(name)):
        return None
    lower = name.lower()
    endings = {".zip": "zip", ".tar": "tar", ".tar.gz": "tar", ".tgz": "tar", ".npz": "arrays", ".npy": "arrays"}
    kind = next((kind for ending, kind in endings.items() if lower.endswith(ending)), "image_folder")
    return f"data={kind} {to_type('data.root', name)}"


def values_of(override: Override) -> list[Any]:
    """Returns the value of an override, or all values of a sweep, as a list."""
    value = override._value
    elements = value.list if isinstance(value, ChoiceSweep) else [value]
    return [unquoted(element) for element in elements]


def unquoted(element: Any) -> Any:
    """Returns a value of Hydra's grammar without quotes, also inside lists and mappings."""
    if isinstance(element, QuotedString):
        return element.text
    if isinstance(element, list):
        return [unquoted(item) for item in element]
    if isinstance(element, dict):
        return {unquoted(key): unquoted(value) for key, value in element.items()}
    return element


def listed(names: Sequence[Any]) -> str:
    """Returns the names as a list in Hydra's grammar."""
    return f"[{','.join(map(str, names))}]"
