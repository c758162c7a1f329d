"""Names that plugins written for the previous version use. Each still works, and warns once with its new name.

All of them go in the next version: a module's old names by ``names``, a method that was renamed, whether a plugin
overrides or calls it, by ``methods``, and an attribute by ``attribute``.
"""

from __future__ import annotations

import functools
import sys
import warnings
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

_warned: set[str] = set()


def warn(old: str, new: str) -> None:
    """Warns once in a process that ``old`` is now ``new``."""
    if old not in _warned:
        _warned.add(old)
        warnings.warn(f"{old} is now {new}; the old name works in this version only", FutureWarning, stacklevel=4)


def names(module: str, renamed: Mapping[str, str]) -> Callable[[str], Any]:
    """Returns the ``__getattr__`` of ``module``, of whose names ``renamed`` maps old ones to new ones."""

    def __getattr__(name: str) -> Any:
        if name not in renamed:
            raise AttributeError(f"module '{module}' has no attribute '{name}'")
        warn(f"{module}.{name}", f"{module}.{renamed[name]}")
        return getattr(sys.modules[module], renamed[name])

    return __getattr__


def moved(module: str, now: ModuleType) -> Callable[[str], Any]:
    """Returns the ``__getattr__`` of a module whose names are in the module ``now``."""

    def __getattr__(name: str) -> Any:
        if name.startswith("__") or not hasattr(now, name):
            raise AttributeError(f"module '{module}' has no attribute '{name}'")
        warn(module, now.__name__)
        return getattr(now, name)

    return __getattr__


def attribute(owner: str, old: str, new: str) -> property:
    """Returns a property ``old`` that reads the attribute ``new``."""

    def read(self: Any) -> Any:
        warn(f"{owner}.{old}", f"{owner}.{new}")
        return getattr(self, new)

    return property(read, doc=f"Deprecated: use ``{new}``.")


def methods(cls: type, renamed: Mapping[str, str]) -> None:
    """Joins the old names of a class's methods to the new ones: if ``cls`` defines ``old``, it is the method ``new``;
    if it defines ``new``, ``old`` calls it. Called for a base class, and for each of its subclasses by
    ``__init_subclass__``, so that ``super().old(…)`` calls the method of the parent."""
    for old, new in renamed.items():
        if old in cls.__dict__ and not getattr(cls.__dict__[old], "deprecated", False):
            warn(f"{cls.__name__}.{old}", new)
            setattr(cls, new, cls.__dict__[old])
        elif new in cls.__dict__:
            setattr(cls, old, _calling(cls.__dict__[new], f"{cls.__name__}.{old}", new))


def _calling(method: Callable[..., Any], old: str, new: str) -> Callable[..., Any]:
    @functools.wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        warn(old, new)
        return method(*args, **kwargs)

    call.deprecated = True  # type: ignore[attr-defined]
    return call
