"""Finds out whether a command is a sweep: one typed with -m, a study, a recipe that sweeps, or one to go on with."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import Override

from ganlab.commands.sweep.plan import is_sweep
from ganlab.commands.sweep.sweeper import BASIC
from ganlab.config.compose import Composer
from ganlab.config.overrides import typed
from ganlab.config.paths import value_of
from ganlab.config.resume import AUTO
from ganlab.errors import Refused

STUDY, RECIPE = "study", "experiment"
MULTIRUN = "MULTIRUN"
PARAMS = "hydra.sweeper.params"


def asked_for(composing: Composer, read: Sequence[Override], flag: bool) -> tuple[list[Override], bool]:
    """Returns the overrides with those of a study or of a recipe that sweeps in front of them, and whether a sweep is
    asked for. ``flag``: ``-m`` was typed. What is typed replaces a study's override of the same key. Raises Refused.
    """
    mode = typed(read, "hydra.mode")
    study = typed(read, STUDY)
    if study is not None and study.value() is not None:
        if not isinstance(study.value(), str):
            raise Refused([f"{study.input_line}: studies run one after another; name one"])
        params = _study(composing, str(study.value()))
        return _in_front(composing, params, [one for one in read if one.key_or_group != STUDY]), True
    read = [one for one in read if one.key_or_group != STUDY]
    recipe = typed(read, RECIPE)
    name = recipe.value() if recipe else None
    sweeps = isinstance(name, str) and "hydra" in composing.text_of(f"{RECIPE}/{name}")
    found, params = composing.sweep_of_hydra(read) if sweeps or any(map(_is_param, read)) else ("", {})
    multirun = flag or (str(mode.value()) if mode else found) == MULTIRUN
    if multirun and params and runs_here(composing, read):
        read = _in_front(composing, params, [one for one in read if not _is_param(one)])
    return read, multirun


def _is_param(one: Override) -> bool:
    return one.key_or_group.startswith(PARAMS)


def _study(composing: Composer, name: str) -> Mapping[str, Any]:
    """Returns the overrides of a study. Raises Refused where its file has anything else."""
    text = composing.text_of(f"{STUDY}/{name}")
    hydra = text.get("hydra") if isinstance(text.get("hydra"), dict) else {}
    sweeper = hydra.get("sweeper") if isinstance(hydra, dict) else {}
    params = sweeper.get("params") if isinstance(sweeper, dict) else None
    others = [key for key in text if key != "hydra"]
    if others or not isinstance(params, dict) or not params:
        what = f"'{others[0]}' is outside of it" if others else "there are none"
        raise Refused([f"study={name}: a study holds what would be typed, under hydra: sweeper: params:, and {what}"])
    return {str(key): value for key, value in params.items()}


def _in_front(composing: Composer, params: Mapping[str, Any], read: Sequence[Override]) -> list[Override]:
    """Returns ``params`` as overrides, followed by those that were typed, which replace them."""
    typed_keys = {one.key_or_group for one in read}
    texts = [f"{key}={_text(value)}" for key, value in params.items() if key.lstrip("+~") not in typed_keys]
    return [*composing.read(texts), *read]


def _text(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return "null" if value is None else str(value).lower()
    return str(value)


def runs_here(composing: Composer, read: Sequence[Override]) -> bool:
    """Whether ganlab runs the sweep itself: Hydra's own sweeper and launcher run no job side by side, and cannot go on
    with a sweep. Another sweeper, launcher or callback gets its sweep from Hydra."""
    return composing.hydra_plugins(read) == (BASIC, BASIC, False)


def sweep_to_resume(read: Sequence[Override]) -> Path | None:
    """Returns the folder of the sweep that was named in ``resume``, if it is one."""
    one = typed(read, "resume")
    name = value_of(one) if one and not one.is_sweep_override() else None
    if not isinstance(name, str) or name in (AUTO, "latest"):
        return None
    folder = Path(name)
    return folder if os.path.isdir(folder) and is_sweep(folder) else None  # False for a name that is too long
