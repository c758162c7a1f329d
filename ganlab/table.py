"""Tables of named components, and the ranges of their settings.

Every component that a user can select has a name in one of these tables. A configuration can select table entries
only; it never names a module or a function to import (CVE-2026-68508 shows the danger of that).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, is_dataclass
from typing import Annotated, Any, Generic, TypeAlias, TypeVar

from ganlab import deprecated
from ganlab.scalars import Scheduled

T = TypeVar("T")
C = TypeVar("C", bound=type)
N = TypeVar("N")


class Table(Mapping[str, type[T]], Generic[T]):
    """A table of one kind of component: each name with the dataclass whose fields are its settings.

    In an annotation it marks a slot: ``loss: Annotated[Loss, LOSSES]`` accepts ``bce`` or ``{name: bce, …}``.
    """

    def __init__(self, kind: str, components: Mapping[str, type[T]]) -> None:
        self.kind = kind
        self._components = dict(components)

    def __getitem__(self, name: str) -> type[T]:
        return self._components[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._components)

    def __len__(self) -> int:
        return len(self._components)

    # Tables are compared by identity: annotations that contain one must be hashable.
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def register(self, name: str) -> Callable[[C], C]:
        """Returns a decorator that adds a plugin's component. Raises ValueError if the name is taken or the class is
        no dataclass."""

        def add(component: C) -> C:
            if not is_dataclass(component):
                raise ValueError(f"{component.__name__} must be a dataclass: its fields are its settings")
            taken = self._components.get(name)
            if taken is not None and taken.__qualname__ != component.__qualname__:
                raise ValueError(f"{self.kind} '{name}' exists already ({taken.__module__}.{taken.__qualname__})")
            self._components[name] = component  # type: ignore[assignment]
            return component

        return add

    def name_of(self, component: object) -> str:
        """Returns the name of the component's class in this table."""
        return next(name for name, entry in self._components.items() if type(component) is entry)


@dataclass(frozen=True)
class Range:
    """Bounds of a number. ``above`` and ``below`` are exclusive, ``least`` and ``most`` inclusive."""

    least: float | None = None
    most: float | None = None
    above: float | None = None
    below: float | None = None

    def __contains__(self, value: Any) -> bool:
        return (
            (self.least is None or value >= self.least)
            and (self.most is None or value <= self.most)
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
        )

    def __str__(self) -> str:
        parts = [
            f"at least {self.least:g}" if self.least is not None else "",
            f"above {self.above:g}" if self.above is not None else "",
            f"at most {self.most:g}" if self.most is not None else "",
            f"below {self.below:g}" if self.below is not None else "",
        ]
        return " and ".join(part for part in parts if part)


PositiveInt = Annotated[int, Range(least=1)]
NonNegativeInt = Annotated[int, Range(least=0)]
Positive = Annotated[float, Range(above=0)]
NonNegative = Annotated[float, Range(least=0)]
Fraction = Annotated[float, Range(least=0, most=1)]


class IsPath:
    """Marks a setting that is a file or a folder, ``Annotated[str, PATH]``: ``~`` at its start is the home folder, and
    on the command line its text may have any characters."""


PATH = IsPath()

Moving: TypeAlias = N | Scheduled
"""A number, or a schedule of it over the training whose ends both lie in the number's range: ``Moving[Positive]``. A
component reads it with ``ganlab.scalars.at(value, progress)``."""
__getattr__ = deprecated.names(__name__)
