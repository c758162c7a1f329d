"""ganlab: find out which choices make a GAN train.

``ganlab.load(RUN or file)`` is a trained generator to sample from; ``ganlab.report(SWEEP)`` are the results of a sweep;
``ganlab.inspect_init("init=he,orthogonal")`` is what an initialization does to signals and gradients.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ganlab.commands.inspect_init import inspect_init
    from ganlab.loading import load
    from ganlab.trained import TrainedGenerator

__version__ = "0.1.0"
__all__ = ["TrainedGenerator", "inspect_init", "load"]


def __getattr__(name: str) -> Any:
    if name == "report":
        import ganlab.report  # a package that can be called

        return ganlab.report
    if name == "inspect_init":
        from ganlab.commands import inspect_init

        return inspect_init.inspect_init
    if name in __all__:
        from ganlab import loading  # imports PyTorch, which `ganlab --help` does without

        return getattr(loading, name)
    raise AttributeError(f"module 'ganlab' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*__all__, "__version__", "report"})
