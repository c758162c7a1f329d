"""A new run that begins from a checkpoint of another one, with other settings: ``branch=RUN``."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override

from ganlab import run_folder, tree_file
from ganlab.commands.launch.ready import AlreadyDone
from ganlab.config.paths import value_of
from ganlab.errors import Refused, UserError
from ganlab.run_folder import RunFolder
from ganlab.training import checkpoint

NO_TENSORS = "/none/"  # a part of a checkpoint that has no tensors: only its numbers and texts are read
HISTORY = ("metrics.jsonl", "metrics.csv", "scores.jsonl", "samples")
"""The files that a branch copies from its parent. Rows and pictures of later steps are removed when it begins."""


@dataclass(frozen=True)
class Branch:
    """The origin of a branch: the ``parent``, the ``path`` of its checkpoint, and the ``step`` of that."""

    parent: RunFolder
    path: Path
    step: int

    @property
    def facts(self) -> dict[str, Any]:
        """The entry of the new run's provenance that names its origin."""
        return {"run": str(self.parent.path), "checkpoint": self.path.name, "step": self.step}

    def settings(self) -> dict[str, Any]:
        """Returns the plain configuration with which the checkpoint was trained. Raises UserError."""
        saved = tree_file.read(self.path, NO_TENSORS).get("settings")
        return dict(saved) if isinstance(saved, dict) else self.parent.load_config()

    def copy(self, folder: RunFolder) -> None:
        """Copies the checkpoint, the configuration and the history into the folder of the new run. Raises OSError."""
        folder.checkpoints.mkdir(parents=True)
        shutil.copyfile(self.path, folder.checkpoints / self._name)
        for name in HISTORY:
            source = self.parent.path / name
            with contextlib.suppress(FileNotFoundError):
                if source.is_dir():
                    shutil.copytree(source, folder.path / name, dirs_exist_ok=True)
                else:
                    shutil.copyfile(source, folder.path / name)
        folder.save_config(self.settings())

    @contextmanager
    def staged(self) -> Iterator[RunFolder]:
        """Returns a context with a temporary folder that looks like the new run, for the check of its settings."""
        with tempfile.TemporaryDirectory() as name:
            folder = RunFolder(name)
            folder.checkpoints.mkdir()
            (folder.checkpoints / self._name).symlink_to(self.path.resolve())
            folder.save_config(self.settings())
            yield folder

    @contextmanager
    def checked(self) -> Iterator[RunFolder]:
        """Returns the context of ``staged``, with errors about its folder in words about this branch. Raises Refused if
        nothing is left to train."""
        with self.staged() as staged:
            try:
                yield staged
            except AlreadyDone:
                raise Refused([
                    f"branch={self.path}: it was saved at the last step, {self.step:,}; type steps={2 * self.step} "
                    "to train as many steps more, or name an earlier checkpoint"
                ]) from None  # fmt: skip
            except Refused:
                raise
            except UserError as error:
                sentence = str(error).replace(str(staged.path), str(self.path))
                instead = "its weights do not fit these settings, such as the size or the channels of the images"
                raise UserError(sentence.replace("its checkpoint does not fit its config.yaml", instead)) from None

    def has_gone_on(self, folder: RunFolder) -> bool:
        """Whether the run in ``folder``, which began from this branch, has a checkpoint of its own."""
        return (
            checkpoint.exists(folder.checkpoints)
            and _step(checkpoint.newest(folder.checkpoints, NO_TENSORS)[1], folder.path) > self.step
        )

    def begin(self, folder: RunFolder) -> None:
        """Copies as ``copy`` does, over what a killed process has left of an earlier copy. Raises OSError."""
        for left in (folder.checkpoints, folder.path / "samples"):
            shutil.rmtree(left, ignore_errors=True)
        self.copy(folder)

    def named(self, read: Sequence[Override]) -> list[Override]:
        """Returns the overrides with the step in place of the parent's path, for the name of the new run's folder."""
        step = OverridesParser.create().parse_override(f"branch=step-{self.step}")
        return [step, *(one for one in read if one.key_or_group != "branch")]

    @property
    def _name(self) -> str:
        return f"step-{self.step:07d}{tree_file.SUFFIX}"


def branch_of(read: Sequence[Override]) -> Branch | None:
    """Returns the origin of the branch that was typed: the newest checkpoint of a run, or a checkpoint. Raises
    UserError."""
    typed = [value_of(one) for one in read if one.key_or_group == "branch"]
    if not typed or typed[-1] is None:
        return None
    if any(one.key_or_group == "resume" for one in read):
        raise Refused(["branch=… begins a new run, and resume=… goes on with one; leave one of them out"])
    named = str(typed[-1])
    if os.path.isfile(named):
        path = Path(named)
        parent = RunFolder(path.resolve().parent.parent if path.parent.name == "checkpoints" else path.parent)
        return Branch(RunFolder(run_folder.shown(parent.path)), path, _step(tree_file.read(path, NO_TENSORS), path))
    parent = run_folder.find(named)
    path, state = checkpoint.newest(parent.checkpoints, NO_TENSORS)
    return Branch(parent, path, _step(state, path))


def _step(state: dict[str, Any], path: Path) -> int:
    step = state.get("step")
    if not isinstance(step, int) or step < 0:
        raise UserError(f"{path} does not say after which step it was saved; name another checkpoint")
    return step
