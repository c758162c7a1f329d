"""Training and sweeps from Python, as on the command line."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from ganlab.commands.launch.in_process import train_here
from ganlab.commands.sweep.here import sweep_here
from ganlab.config.as_typed import as_text, as_typed
from ganlab.config.choices import LISTS
from ganlab.config.differences import words_for
from ganlab.config.plain import lookup
from ganlab.config.programs import refuse_saved_code
from ganlab.config.schema import mapping_slots
from ganlab.config.settings import Settings
from ganlab.errors import Interrupted, Refused, TrainingFailed, UserError
from ganlab.run import Run, Runs, SavedSettings, find_runs

Setting = str | Mapping[str, Any]


def train(*settings: Setting, config_dir: str | os.PathLike[str] | None = None, **more: Any) -> Run:
    """Trains a run in this process, and returns it.

    ``settings`` are what ``python train.py`` takes, ``"init=orthogonal"``, or nested dicts,
    ``{"optimizer": {"generator": {"lr": 1e-4}}}``; keywords are settings too, ``steps=500``, ``tricks=["ema"]``, also
    ``resume=RUN`` and ``branch=RUN``. Later ones take precedence. ``config_dir`` is a folder of your own configs.

    The run is the one that the command line trains: the same folder, files and weights. Ctrl-C (the stop button of a
    notebook) ends it after its step and saves it; its ``status`` is ``stopped`` then. Raises Refused with all problems
    before anything is written, TrainingFailed where training could not go on, and KeyboardInterrupt where it was
    stopped before its first step.
    """
    with _as_refusals(), _interrupted_in_a_sentence():
        folder, outcome = train_here(_overrides(settings, more), _path(config_dir))
    if outcome.status == "failed":
        raise TrainingFailed(f"{folder.path}: {outcome.reason}")
    if outcome.status == "refused":
        raise Refused.because(UserError(outcome.reason))
    return Run(folder.path)


def sweep(*settings: Setting, config_dir: str | os.PathLike[str] | None = None, **more: Any) -> Runs:
    """Runs a sweep, as ``python train.py -m`` does, and returns its runs; ``ganlab.report(runs.folder)`` says what they
    found.

    ``settings``, keywords and ``config_dir`` are as in ``train``; several values are typed as text,
    ``"init=normal,he"``, ``"seed=0,1,2"``. ``study="init_by_norm"`` is a ready sweep, ``resume=SWEEP`` runs what is
    missing in one, and ``jobs="auto"`` runs jobs side by side. Each job has a process of its own. Ctrl-C stops and
    saves all of them. Raises Refused with all problems before anything is written.
    """
    with _as_refusals():
        return find_runs(sweep_here(_overrides(settings, more), _path(config_dir)))


def _path(folder: str | os.PathLike[str] | None) -> str | None:
    return None if folder is None else os.path.expanduser(os.fspath(folder))


@contextmanager
def _as_refusals() -> Iterator[None]:
    """Returns a context in which an error of the user is Refused, with its own message, also where it is about a file
    rather than about settings."""
    try:
        yield
    except (Refused, TrainingFailed):
        raise
    except UserError as error:
        raise Refused.because(error) from None


@contextmanager
def _interrupted_in_a_sentence() -> Iterator[None]:
    """Returns a context in which KeyboardInterrupt has a sentence: a notebook shows that instead of a traceback."""
    try:
        yield
    except KeyboardInterrupt as stop:
        left = stop.args[1] if len(stop.args) > 1 else "stopped before the run began"
        raise Interrupted(left) from None


def _overrides(settings: Sequence[Setting], more: Mapping[str, Any]) -> list[str]:
    """Returns all settings as they are typed, without those that a later one replaces. Raises Refused for what is
    neither text nor dict, and for modules and programs that the settings of a saved run name."""
    typed: list[tuple[Setting, list[str]]] = []
    problems: list[str] = []
    for one in (*settings, more):
        if isinstance(one, str):
            typed.append((one, [one]))
        elif isinstance(one, Mapping):
            try:
                typed.append((one, words_for(one) if isinstance(one, SavedSettings) else as_typed(one)))
            except Refused as error:
                problems += error.problems
        else:
            kind = type(one).__name__
            problems.append(
                f"found {kind}, need settings as text, 'init=orthogonal', as keywords, steps=500, or a dict"
            )
    if problems:
        raise Refused(problems)
    own = {_key(text) for one, words in typed if not isinstance(one, SavedSettings) for text in words}
    for one in settings:
        if isinstance(one, SavedSettings):
            refuse_saved_code(one, own)
    last: dict[str, str] = {}
    saved: dict[str, SavedSettings] = {}  # the settings of a run that a key is from
    for one, words in typed:
        for key in [key for text in words for key in _of_another_option(text, last, saved)]:
            last.pop(key, None)
        for text in words:
            last.pop(_key(text), None)
            last[_key(text)] = text
            if isinstance(one, SavedSettings):
                saved[_key(text)] = one
            else:
                saved.pop(_key(text), None)
    return list(last.values())


def _of_another_option(text: str, last: Mapping[str, str], saved: Mapping[str, SavedSettings]) -> list[str]:
    """Returns the earlier keys that are settings of an option which ``text`` replaces by another one, such as
    ``loss.form`` for ``loss=hinge`` after ``loss=relativistic``. Settings that were typed without their option are
    kept: they may be typed before it."""
    key = _key(text)
    inner = [one for one in last if one.startswith(f"{key}.")]
    if inner and (key in LISTS or key in set(mapping_slots(Settings))):
        names = [name.strip() for name in text.partition("=")[2].strip("[]").split(",")]
        return [one for one in inner if one.removeprefix(f"{key}.").partition(".")[0] not in names]
    if last.get(key, text) != text:
        return inner
    return [one for one in inner if one in saved and _option(saved[one], key) != text]


def _option(saved: SavedSettings, key: str) -> str:
    """Returns the option of a saved run as it is typed. Of a group with an option for each network there is none."""
    found = lookup(saved, key)
    name = found.get("name") if isinstance(found, Mapping) else found
    return "" if name is None else f"{key}={as_text(name)}"


def _key(text: str) -> str:
    """Returns what the text sets; all of a text that adds or takes away, which no later one replaces."""
    return text if text.startswith(("+", "~")) else text.partition("=")[0]
