"""Settings as Python values, written as they are typed on the command line."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from ganlab.config.choices import LISTS
from ganlab.config.paths import literal
from ganlab.config.plain import is_schedule
from ganlab.config.schema import mapping_slots
from ganlab.config.settings import Settings
from ganlab.errors import Refused

NOT_OF_ONE_RUN = {"resume": None, "branch": None, "jobs": 1, "resume_override": False}
"""Settings that the config.yaml of every single run has, and that are refused when they are typed beside others."""


def as_typed(settings: Mapping[str, Any]) -> list[str]:
    """Returns nested settings as overrides: ``{"init": {"generator": "he"}}`` is ``init.generator=he``.

    ``name`` in a dict chooses the component, ``{"loss": {"name": "hinge"}}``, and the other entries are its settings.
    A dict in the place of several components, such as ``regularizer``, names all of them. Raises Refused for values
    that are no settings.
    """
    problems: list[str] = []
    ours = {key: value for key, value in settings.items() if not _is_of_one_run(key, value)}
    found = [text for key, value in ours.items() for text in _typed(key, value, problems)]
    if problems:
        raise Refused(problems)
    return found


def _is_of_one_run(key: str, value: Any) -> bool:
    return key in NOT_OF_ONE_RUN and type(value) is type(NOT_OF_ONE_RUN[key]) and value == NOT_OF_ONE_RUN[key]


def _typed(key: str, value: Any, problems: list[str]) -> Iterator[str]:
    if not isinstance(value, Mapping) or is_schedule(value):
        try:
            yield f"{key}={as_text(value)}"
        except TypeError as error:
            problems.append(f"{key}: {error}")
        return
    if key in LISTS or key in set(mapping_slots(Settings)):
        yield f"{key}={as_text(list(value))}"
    elif "name" in value:
        yield from _typed(key, value["name"], problems)
    for name, inner in value.items():
        if name != "name" or key in LISTS:
            yield from _typed(f"{key}.{name}", inner, problems)


def as_text(value: Any) -> str:
    """Returns a value as it is typed after ``KEY=``. Raises TypeError for what is no setting."""
    if hasattr(value, "item") and getattr(value, "shape", None) == ():
        value = value.item()  # a number of NumPy or PyTorch
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if isinstance(value, str):
        return value if _is_read_as_it_is(value) else literal(value)
    if isinstance(value, list | tuple):
        return f"[{','.join(map(as_text, value))}]"
    if isinstance(value, Mapping):
        return f"{{{','.join(f'{name}:{as_text(inner)}' for name, inner in value.items())}}}"
    raise TypeError(f"found {type(value).__name__}, need a number, a text, true or false, a list, or a dict")


def _is_read_as_it_is(text: str) -> bool:
    """Whether Hydra's grammar reads a text as this text, without quotes, also inside a list."""
    try:
        return bool(OverridesParser.create().parse_override(f"key=[{text}]").value() == [text]) and "${" not in text
    except (HydraException, ValueError, RecursionError):
        return False
