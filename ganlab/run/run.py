"""One run: its settings, rows, samples, generator and curves, read from its folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganlab import run_folder
from ganlab.commands.terminal.program import command_text, first_command, training_program
from ganlab.errors import UserError
from ganlab.report.reading.runs import is_run, read_run
from ganlab.report.tables import as_frame
from ganlab.run.rows import features_of, is_number, metrics_rows, score_names, scores_rows
from ganlab.run.saved import SavedSettings
from ganlab.run_folder import RunFolder

if TYPE_CHECKING:
    from ganlab.diagnosis.verdicts import Verdict
    from ganlab.run.curves import Curves
    from ganlab.trained import TrainedGenerator


class Run:
    """A run in its ``folder``, also one that is being trained or that ended long ago: everything is read from the
    files when it is asked for. It can be given where a path of a run is asked for, as in ``ganlab.train(resume=run)``.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(os.path.expanduser(folder)).absolute()
        self._loaded: tuple[tuple[str, int], TrainedGenerator] | None = None

    def __fspath__(self) -> str:
        return str(self.folder)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Run) and self.folder == other.folder

    def __hash__(self) -> int:
        return hash(self.folder)

    @property
    def name(self) -> str:
        """The name of the folder."""
        return self.folder.name

    @property
    def status(self) -> str:
        """``finished``, ``stopped``, ``diverged``, ``failed`` or ``refused``; ``running``; ``killed`` if its process
        ended without saying so; ``unknown`` if the folder does not say."""
        return str(read_run(self.folder).status["status"])

    @property
    def reason(self) -> str:
        """The reason why the run ended, if not because all steps were done."""
        return str(read_run(self.folder).status["reason"])

    @property
    def settings(self) -> dict[str, Any]:
        """All settings, as nested dicts; ``ganlab.train(run.settings, seed=1)`` trains them again. Raises UserError
        if there are none, as in a run that was refused."""
        return SavedSettings(RunFolder(self.folder).load_config())

    @property
    def changed(self) -> dict[str, Any]:
        """The settings that differ from those of ``ganlab.train()``, by full key. Raises UserError."""
        from ganlab.config.differences import differences

        return differences(self.settings)

    @property
    def metrics(self) -> Any:
        """A row for each log point, with the step and the means since the last one by tag, such as
        ``discriminator/loss``: a pandas DataFrame where pandas is installed, otherwise a list of dicts."""
        return as_frame(metrics_rows(self.folder))

    @property
    def scores(self) -> Any:
        """A row for each scoring, with the step, the scores by name, and the ``id`` of what they depend on: only rows
        with equal ids compare. A DataFrame or a list of dicts, as ``metrics``."""
        return as_frame(scores_rows(self.folder))

    @property
    def verdicts(self) -> list[Verdict]:
        """The verdicts on the run, those that last first, with ``evidence``, ``explanation`` and ``advice``; [] of
        a healthy one. Raises UserError if it has no row to judge yet."""
        from ganlab.report.reading.diagnosis import diagnosed

        return list(diagnosed(self.folder).verdicts)

    @property
    def samples(self) -> list[Path]:
        """The pictures of generated samples, by step; of one step those of the averaged weights are the last."""
        pictures = sorted(read_run(self.folder).pictures, key=lambda one: (one.step, one.network == "average"))
        return [self.folder / one.file for one in pictures if one.network in ("average", "generator")]

    @property
    def generator(self) -> TrainedGenerator:
        """The generator of the newest checkpoint, as ``ganlab.load(run)`` returns it. Raises UserError."""
        from ganlab.loading import load

        newest = max((self.folder / "checkpoints").glob("*.safetensors"), key=os.path.getmtime, default=None)
        key = (newest.name, newest.stat().st_mtime_ns) if newest else ("", 0)
        if self._loaded is None or self._loaded[0] != key:
            self._loaded = (key, load(self.folder))
        return self._loaded[1]

    @property
    def command(self) -> str:
        """The command, for a shell, that trains the same again from the start. Raises UserError."""
        words = first_command(RunFolder(self.folder).provenance())
        if words is None:  # of a version that saved no provenance
            from ganlab.config.differences import words_for

            words = words_for(self.settings)
        return command_text(training_program(), words)

    @property
    def progress(self) -> str:
        """The progress of the run: steps, seconds, and the last scores with their features, in one line. The score that
        chooses the best checkpoint is the first."""
        found = read_run(self.folder)
        steps, rows = found.status.get("steps"), metrics_rows(self.folder)
        done = steps if isinstance(steps, int) else rows[-1]["step"] if rows else 0
        planned = found.config.get("steps")
        parts = [f"{done:,} of {planned:,} steps" if isinstance(planned, int) else f"{done:,} steps"]
        if isinstance(seconds := found.status.get("seconds"), int | float):
            parts.append(f"{seconds:.0f} s")
        if scores := scores_rows(self.folder):
            last, names = scores[-1], score_names(found.config)
            texts = [f"{name} {value:.4g}" for name in names if is_number(value := last.get(name))][:3]
            parts.append(f"{', '.join(texts)} ({features_of(last)})")
        return ", ".join(parts)

    def plot(self) -> Curves:
        """Returns the curves of the run as a figure of matplotlib: losses, D's outputs, and a score if it was scored.
        A notebook shows it; ``run.plot().savefig("curves.png")`` writes it."""
        from ganlab.run.curves import curves

        return curves(self.folder)

    def __repr__(self) -> str:
        return f"<Run {run_folder.shown(self.folder)}: {self.status}, {self.progress}>"

    def _repr_html_(self) -> str:
        from ganlab.run.html import run_html

        return run_html(self)


def find_run(named: str | os.PathLike[str]) -> Run:
    """Returns the run in a folder; ``latest`` is the one with the newest checkpoint. Raises UserError."""
    folder = run_folder.find(os.path.expanduser(os.fspath(named))).path
    if not is_run(folder):
        raise UserError(f"{folder} is no run folder: it has no config.yaml; ganlab.runs('{folder}') lists those in it")
    return Run(folder)
