"""ganlab: find out which choices make a GAN train.

``ganlab.train("init=orthogonal", steps=500)`` trains; ``ganlab.sweep("init=normal,he", "seed=0,1,2")`` runs a sweep;
``ganlab.open(RUN)`` and ``ganlab.runs("outputs")`` are runs that were trained; ``ganlab.load(RUN or file)`` is a
trained generator to sample from; ``ganlab.report(SWEEP)`` are the results of a sweep;
``ganlab.inspect_init("init=he,orthogonal")`` is what an initialization does to signals and gradients.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ganlab.api import sweep, train
    from ganlab.commands.inspect_init import inspect_init
    from ganlab.errors import Refused, TrainingFailed, UserError
    from ganlab.loading import load
    from ganlab.run import Run, Runs
    from ganlab.run import find_run as open  # noqa: F401  # not in __all__, where it would hide Python's own
    from ganlab.run import find_runs as runs
    from ganlab.trained import TrainedGenerator

__version__ = "0.1.0"
__all__ = [
    "Refused", "Run", "Runs", "TrainedGenerator", "TrainingFailed", "UserError", "inspect_init", "load", "runs",
    "sweep", "train",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name == "report":
        import ganlab.report  # a package that can be called

        return ganlab.report
    if name == "inspect_init":
        from ganlab.commands import inspect_init

        return inspect_init.inspect_init
    if name in ("sweep", "train"):
        from ganlab import api

        return getattr(api, name)
    if name in ("Refused", "TrainingFailed", "UserError"):
        from ganlab import errors

        return getattr(errors, name)
    if name in ("open", "runs", "Run", "Runs"):
        from ganlab import run

        return {"open": run.find_run, "runs": run.find_runs, "Run": run.Run, "Runs": run.Runs}[name]
    if name in ("TrainedGenerator", "load"):
        from ganlab import loading  # imports PyTorch, which `ganlab --help` does without

        return getattr(loading, name)
    raise AttributeError(f"module 'ganlab' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*__all__, "__version__", "open", "report"})
