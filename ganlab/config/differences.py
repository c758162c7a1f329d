"""The settings of a run that differ from those of ``python train.py`` alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import MISSING, fields
from functools import lru_cache
from typing import Any

from ganlab.config.as_typed import NOT_OF_ONE_RUN, as_typed
from ganlab.config.choices import LISTS
from ganlab.config.compose import composer
from ganlab.config.configuration import configure
from ganlab.config.dump import dump
from ganlab.config.plain import is_schedule
from ganlab.config.plugins import plugins_in
from ganlab.config.programs import names_program
from ganlab.config.schema import fields_at, hints, join, mapping_slots, table_of
from ganlab.config.settings import Settings
from ganlab.errors import Refused


@lru_cache(maxsize=1)
def default_settings() -> Mapping[str, Any]:
    """Returns the plain configuration of ``python train.py``."""
    with composer() as composing:
        return configure(composing.plain([])).plain()


def differences(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the settings of a plain configuration that differ from the default ones, by full key. A component that
    is another one has its name as the value, and those of its settings that are not its own defaults follow."""
    return dict(_differences(_of_run(settings), default_settings(), ""))


def words_for(settings: Mapping[str, Any]) -> list[str]:
    """Returns what to type for a plain configuration: what differs from the default one if that gives this
    configuration, otherwise every setting. What it names is not imported."""
    every = as_typed(settings)
    if plugins_in(settings) or names_program(settings):
        return every
    short = as_typed(differences(settings))
    try:
        wanted = _of_run(configure(settings).plain())
    except Refused:
        return every
    with composer() as composing:
        for words in (short, _without_lists(short), every, _without_lists(every)):
            with suppress(Refused):
                found = configure(composing.plain(composing.rewrite(composing.read(words)))).plain()
                if _of_run(found) == wanted:
                    return words
    return every


def _of_run(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if key not in NOT_OF_ONE_RUN}


def _without_lists(words: Sequence[str]) -> list[str]:
    """Returns the words without the names of regularizers: another option may bring them along, such as
    ``condition=auxiliary``, and they may not be named beside it."""
    return [word for word in words if word.partition("=")[0] not in LISTS]


def _differences(found: Any, default: Any, key: str) -> Iterator[tuple[str, Any]]:
    if not isinstance(found, Mapping) or is_schedule(found):
        if found != default:
            yield key, found
        return
    default = default if isinstance(default, Mapping) else {}
    component = found.get("name")
    if isinstance(component, str) and component != default.get("name"):
        yield key, component
        default = _own_defaults(key, component)
    if key in set(mapping_slots(Settings)):
        if list(found) != list(default):
            yield key, list(found)
        default = {name: default.get(name) or _own_defaults(key, name) for name in found}
    for name, inner in found.items():
        if name != "name":
            yield from _differences(inner, default.get(name), join(key, name))


def _own_defaults(key: str, component: str) -> dict[str, Any]:
    """Returns the plain defaults of a component, by setting; none of one that is not registered."""
    for kind, name in fields_at(Settings, key.split(".")):
        table = table_of(hints(kind)[name])
        if table is not None and component in table:
            own = table[component]
            annotations = hints(own)
            values = {
                one.name: one.default if one.default_factory is MISSING else one.default_factory()
                for one in fields(own)
            }
            return {
                name: dump(annotations[name], value)
                for name, value in values.items()
                if name in annotations and value is not MISSING
            }
    return {}
