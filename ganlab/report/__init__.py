"""Reads the runs of a sweep, and computes what their choices did: outcomes, scores, effects, and how sure they are.

The package can be called: ``ganlab.report("SWEEP")`` returns ``Results``.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from ganlab.report.results import Results, report

__all__ = ["Results", "report"]


class _Callable(ModuleType):
    """The package as a function: Python has one name for a package and for what a user types, ``ganlab.report``."""

    def __call__(self, *sources: Any, **settings: Any) -> Results:
        return report(*sources, **settings)


sys.modules[__name__].__class__ = _Callable
