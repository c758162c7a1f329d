"""The folder of a new run or sweep: as typed, or named after what was typed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override

from ganlab import run_folder
from ganlab.commands.launch.prepared import Resume
from ganlab.config.compose import Composer
from ganlab.config.paths import quoted, value_of
from ganlab.errors import Refused


def folder_override(read: Sequence[Override], resume: Resume | None, multirun: bool) -> str:
    """Creates the folder of a run, or of a sweep, and returns the override that passes it to Hydra."""
    key = f"hydra.{'sweep' if multirun else 'run'}.dir"
    typed = next((one.value() for one in reversed(read) if one.key_or_group == key), None)
    if resume is not None:
        if typed is not None and not resume.auto:
            raise Refused([f"{key}={typed}: resume=… goes on in the run's own folder; leave it out"])
        if (said := resume.folder.path / "train.log").exists() and not (said.is_file() and os.access(said, os.W_OK)):
            raise Refused([f"{said}: nothing can be written there; make it writable, or take it away"])
        return f"{key}={quoted(str(resume.folder.path))}"
    if typed is None:
        folder = run_folder.make_sweep() if multirun else run_folder.make([one.input_line or "" for one in read])
        return f"{key}={quoted(str(folder))}"
    if not isinstance(typed, str) or not typed:
        raise Refused([f"{key}={typed}: need a folder"])
    if list(Path(typed).glob("config.yaml")) or list(Path(typed).glob("*/config.yaml")):
        hint = "choose another folder" if multirun else "type resume=auto too to go on with it, or another folder"
        raise Refused([f"{key}={typed}: there is a run already; {hint}"])
    if "${" not in typed:  # otherwise Hydra resolves and creates it
        try:
            Path(typed).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Refused([f"{key}={typed}: no folder can be made there ({error.strerror})"]) from None
        if not os.access(typed, os.W_OK):
            raise Refused([f"{key}={typed}: nothing can be written there; choose another folder"])
    return f"{key}={quoted(typed)}"


def folder_in(override: str) -> Path:
    """Returns the folder in the result of ``folder_override``."""
    return Path(str(value_of(OverridesParser.create().parse_override(override))))


def typed_folder(composing: Composer, read: Sequence[Override]) -> Path | None:
    """Returns the folder that was typed as hydra.run.dir, with its ``${…}`` resolved, or None."""
    typed = [one.value() for one in read if one.key_or_group == "hydra.run.dir"]
    if not typed or not isinstance(typed[-1], str) or not typed[-1]:
        return None
    return Path(composing.run_folder(read) if "${" in typed[-1] else typed[-1])
