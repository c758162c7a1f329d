"""A run that was typed and can begin, or go on: its configuration, composed and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import Override

from ganlab import run_folder
from ganlab.config import Configuration
from ganlab.config.compose import Composer
from ganlab.config.paths import value_of
from ganlab.config.plugins import import_plugins, plugins_in
from ganlab.config.programs import refuse_saved_programs
from ganlab.config.resume import AUTO, Change, resumed, typed_again
from ganlab.errors import Refused
from ganlab.run_folder import RunFolder
from ganlab.training import checkpoint


@dataclass(frozen=True)
class Resume:
    """The run to go on with. ``auto``: the whole command that began it was typed again (``resume=auto``).
    ``branch``: it is a new run, which begins from the state of another one and may have other settings."""

    folder: RunFolder
    auto: bool = False
    branch: bool = False


@dataclass(frozen=True)
class Prepared:
    """A new run that was checked: its ``plain`` configuration as it was asked for, the one that can run, and the
    ``options`` that were chosen by name."""

    plain: Mapping[str, Any]
    configuration: Configuration
    options: Mapping[str, Any]


def options_in(composing: Composer, read: Sequence[Override]) -> dict[str, Any]:
    """Returns the options that were chosen by name (``{"loss": "wgan_gp"}``)."""
    return {one.key_or_group: one.value() for one in read if composing.is_group_choice(one)}


def resume_of(read: Sequence[Override], folder: Path | None = None) -> Resume | None:
    """Returns the run to go on with, if one was typed. With ``resume=auto`` that is the run in ``folder``, or None if
    it has none yet. Raises UserError where there is no run of the typed name."""
    typed = [value_of(one) for one in read if one.key_or_group == "resume"]
    if not typed or typed[-1] is None:
        return None
    if typed[-1] != AUTO:
        return Resume(run_folder.find(str(typed[-1])))
    if folder is None:
        raise Refused(["resume=auto goes on with the run in a folder, or begins it; type hydra.run.dir=FOLDER too"])
    return Resume(RunFolder(folder), auto=True) if (folder / "config.yaml").exists() else None


def plain_configuration(
    composing: Composer, read: Sequence[Override], overrides: Sequence[str], resume: Resume | None
) -> tuple[dict[str, Any], list[Change]]:
    """Returns the plain configuration of one job, and its changes to the run that it resumes. The plugins of a recipe
    are imported. Raises Refused."""
    plain = composing.plain(overrides)
    import_plugins(plugins_in(plain))
    if resume is None:
        if plain.get("resume_override"):
            raise Refused(["resume_override=true goes with resume=…; leave it out, or name the run to go on with"])
        return {**plain, "resume": None, "branch": None}, []
    saved, began = resume.folder.load_config(), checkpoint.exists(resume.folder.checkpoints)
    if resume.auto:
        return typed_again(composing, read, plain, saved, began)
    refuse_saved_programs(saved, read)
    return resumed(composing, read, saved, began, resume.branch)
