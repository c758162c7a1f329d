"""Names that plugins written for the previous version use. Each still works, and warns once with its new name.

They all go in the next version. ``NAMES``, ``METHODS`` and ``ATTRIBUTES`` list them; a module, a base class or a record
that had other names takes them up in one line, with ``names``, ``methods`` or ``attributes``.
"""

from __future__ import annotations

import functools
import sys
import warnings
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, TypeVar, cast

NAMES: Mapping[str, Mapping[str, str]] = {
    "ganlab.types": {"Judgement": "DiscriminatorOutput", "Augment": "Augmentation", "Draw": "RandomStreams"},
    "ganlab.layer": {"Blank": "UninitializedNetwork"},
    "ganlab.augment": {"AUGMENTS": "AUGMENTATIONS"},
    "ganlab.networks": {"blank": "uninitialized", "settle": "fold", "shorten": "use_fast_kernels"},
    "ganlab.table": {"Count": "PositiveInt", "Whole": "NonNegativeInt"},
}
"""Old and new names in modules."""

METHODS: Mapping[str, Mapping[str, str]] = {
    "Conditioning": {"of_real": "real_condition", "of_fake": "fake_condition", "of_grid": "grid_condition"},
    "Latent": {"between": "interpolate"},
    "DiscriminatorModule": {"judge": "forward_all"},
    "Observer": {"returned": "rolled_back"},
}
"""Old and new names of methods that plugins override or call, by base class."""

ATTRIBUTES: Mapping[str, Mapping[str, str]] = {
    "Update": {
        "seen_real": "augmented_real",
        "seen_fake": "augmented_fake",
        "judged_real": "real_output",
        "judged_fake": "fake_output",
        "see": "augment",
        "draw": "rngs",
    },
    "UninitializedNetwork": {"respond": "layer_output"},
}
"""Old and new names of attributes that plugins read, by class."""

C = TypeVar("C", bound=Callable[..., Any])

_warned: set[str] = set()


def warn(old: str, new: str, stacklevel: int = 3) -> None:
    """Warns once in a process that ``old`` is now ``new``."""
    if old not in _warned:
        _warned.add(old)
        warnings.warn(f"{old} is now {new}; the old name works in this version only", FutureWarning, stacklevel)


def names(module: str) -> Callable[[str], Any]:
    """Returns the ``__getattr__`` of a module, which finds its old names."""

    def __getattr__(name: str) -> Any:
        if name not in NAMES[module]:
            raise AttributeError(f"module '{module}' has no attribute '{name}'")
        warn(f"{module}.{name}", f"{module}.{NAMES[module][name]}")
        return getattr(sys.modules[module], NAMES[module][name])

    return __getattr__


def moved(module: str, now: ModuleType) -> Callable[[str], Any]:
    """Returns the ``__getattr__`` of a module whose names are in the module ``now``."""

    def __getattr__(name: str) -> Any:
        if name.startswith("__") or not hasattr(now, name):
            raise AttributeError(f"module '{module}' has no attribute '{name}'")
        warn(module, now.__name__)
        return getattr(now, name)

    return __getattr__


def keyword(old: str, new: str) -> Callable[[C], C]:
    """Returns a decorator of functions that lets the argument ``new`` be passed by its ``old`` name."""

    def renamed(function: C) -> C:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            if old in kwargs:
                warn(f"{function.__module__}.{function.__name__}({old}=…)", f"{new}=…")
                kwargs[new] = kwargs.pop(old)
            return function(*args, **kwargs)

        return cast(C, call)

    return renamed


def attributes(cls: type) -> None:
    """Adds a property to ``cls`` for each old name of an attribute."""
    for old, new in ATTRIBUTES[cls.__name__].items():

        def read(self: Any, old: str = old, new: str = new) -> Any:
            warn(f"{cls.__name__}.{old}", f"{cls.__name__}.{new}")
            return getattr(self, new)

        setattr(cls, old, property(read))


def methods(cls: type, base: str) -> None:
    """Joins the old and the new names of the methods that ``cls`` defines: a method with an old name becomes the one
    with the new name as well, and one with the new name can be called by the old one.

    It is called for the base class, and for each subclass by ``__init_subclass__``, so that ``super().old(…)`` in a
    plugin finds the method of its parent.
    """
    for old, new in METHODS[base].items():
        if old in cls.__dict__ and new not in cls.__dict__:
            warn(f"{base}.{old}", f"{base}.{new}", stacklevel=4)
            setattr(cls, new, cls.__dict__[old])
        elif new in cls.__dict__ and old not in cls.__dict__:
            setattr(cls, old, _calling(cls.__dict__[new], f"{base}.{old}", f"{base}.{new}"))


def _calling(method: Callable[..., Any], old: str, new: str) -> Callable[..., Any]:
    @functools.wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        warn(old, new)
        return method(*args, **kwargs)

    return call
