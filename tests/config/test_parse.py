from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import pytest

from ganlab.config.describe import describe
from ganlab.config.dump import dump
from ganlab.config.parse import parse
from ganlab.errors import Refused
from ganlab.table import Positive, PositiveInt, Table


class Shape: ...


@dataclass(frozen=True)
class Circle(Shape):
    radius: Positive = 1.0


@dataclass(frozen=True)
class Square(Shape):
    side: Positive = 1.0
    corners: Literal["sharp", "round"] = "sharp"


SHAPES = Table[Shape]("shape", {"circle": Circle, "square": Square})


@dataclass(frozen=True)
class Inner:
    rate: Literal["auto"] | Positive = "auto"
    pair: tuple[float, float] = (0.5, 0.9)
    weight: float = 1.0


@dataclass(frozen=True)
class Outer:
    steps: PositiveInt = 10
    flag: bool = False
    name: str | None = None
    widths: tuple[PositiveInt, ...] = (1, 2)
    inner: Inner = field(default_factory=Inner)
    shape: Literal["auto"] | Annotated[Shape, SHAPES] = "auto"
    shapes: Annotated[Mapping[str, Shape], SHAPES] = field(default_factory=dict)
    options: Mapping[str, str | bool | int | float] = field(default_factory=dict)


def problems(plain: Any) -> list[str]:
    with pytest.raises(Refused) as refused:
        parse(Outer, plain)
    return refused.value.problems


@pytest.mark.parametrize(
    ("plain", "parsed"),
    [
        ({}, Outer()),
        ({"steps": 1e5}, Outer(steps=100_000)),
        ({"steps": "1e5"}, Outer(steps=100_000)),  # as YAML 1.1 reads it
        ({"steps": 2**62 + 1}, Outer(steps=2**62 + 1)),  # no detour through a float
        ({"flag": True, "name": "x"}, Outer(flag=True, name="x")),
        ({"name": None}, Outer()),
        ({"widths": [3]}, Outer(widths=(3,))),
        ({"inner": {"rate": "2e-4", "pair": [0, 1]}}, Outer(inner=Inner(2e-4, (0.0, 1.0)))),
        ({"shape": "circle"}, Outer(shape=Circle())),
        ({"shapes": {"circle": None, "square": {}}}, Outer(shapes={"square": Square()})),  # taken away
        ({"shape": {"name": "square", "side": 2}}, Outer(shape=Square(2.0))),
        ({"options": {"a": "1e5", "b": None, "c": 2.5}}, Outer(options={"a": "1e5", "c": 2.5})),  # text stays text
        (
            {"shapes": {"circle": {"radius": 3}, "square": {}}},
            Outer(shapes={"circle": Circle(3.0), "square": Square()}),
        ),
    ],
)
def test_what_it_reads(plain: Any, parsed: Outer) -> None:
    assert parse(Outer, plain) == parsed
    assert parse(Outer, dump(Outer, parsed)) == parsed


def test_ints_are_ints_and_floats_floats() -> None:
    outer = parse(Outer, {"steps": 5.0, "inner": {"pair": [0, 1]}})
    assert type(outer.steps) is int
    assert [type(item) for item in outer.inner.pair] == [float, float]
    options = parse(Outer, {"options": {"a": True, "b": 1, "c": "1"}}).options
    assert [type(value) for value in options.values()] == [bool, int, str]


@pytest.mark.parametrize(
    ("plain", "problem"),
    [
        ({"steps": "abc"}, "steps: found 'abc', need a whole number"),
        ({"steps": 0}, "steps: found 0, need a whole number at least 1"),
        ({"steps": 1.5}, "steps: found 1.5, need a whole number"),
        ({"steps": True}, "steps: found true, need a whole number"),
        ({"steps": None}, "steps: found null, need a whole number"),
        ({"steps": float("nan")}, "steps: found nan, need a whole number"),
        ({"flag": "yes"}, "flag: found 'yes', need true or false"),
        ({"flag": 1}, "flag: found 1, need true or false"),
        ({"stesp": 1}, "stesp: no such setting; did you mean steps?"),
        ({"inner": {"raet": 1}}, "inner.raet: no such setting; did you mean inner.rate?"),
        ({"inner": {"lamda": 1}}, "inner.lamda: no such setting; did you mean inner.weight?"),
        ({"inner": 3}, "inner: found 3, need settings (rate, pair, weight)"),
        ({"inner": {"rate": "fast"}}, "inner.rate: found 'fast', need auto or a number above 0"),
        ({"inner": {"rate": -1}}, "inner.rate: found -1, need auto or a number above 0"),
        ({"inner": {"pair": [1]}}, "inner.pair: found [1], need a list of 2, each a number"),
        ({"inner": {"pair": [1, "x"]}}, "inner.pair[1]: found 'x', need a number"),
        ({"inner": {"pair": "ab"}}, "inner.pair: found 'ab', need a list of 2, each a number"),
        ({"shape": "circel"}, "shape=circel: no such option; did you mean shape=circle?"),
        ({"shape": "hexagon"}, "shape=hexagon: no such option; the options are auto, circle, square"),
        (
            {"shape": {"name": "circle", "radios": 1}},
            "shape.radios: circle has no such setting; did you mean shape.radius?",
        ),
        (
            {"shape": {"radius": 1}},
            "shape: found settings (radius) and no name; type shape=… too, one of circle, square",
        ),
        (
            {"shape": {"name": "square", "corners": "rond"}},
            "shape.corners=rond: no such option; did you mean shape.corners=round?",
        ),
        ({"shapes": {"squar": {}}}, "shapes=squar: no such option; did you mean shapes=square?"),
        ({"shapes": {"circle": {"radius": 0}}}, "shapes.circle.radius: found 0, need a number above 0"),
        (
            {"shape": {"name": "circle", "side": 1}},
            "shape.side: circle has no such setting, square has; type shape=square too",
        ),
        (
            {"options": "a"},
            "options: found 'a', need names with values such as {a: b}, each text or true or false or a whole number "
            "or a number",
        ),
        (
            {"options": {"a": 1, "b": [2]}},
            "options.b: found [2], need text or true or false or a whole number or a number",
        ),
        ({"rate": 1}, "rate: no such setting; did you mean inner.rate?"),
    ],
)
def test_what_it_says(plain: Any, problem: str) -> None:
    assert problems(plain) == [problem]


def test_all_problems_are_told_together() -> None:
    found = problems(
        {"stesp": 1, "flag": 2, "inner": {"rate": "x", "pair": [1]}, "shape": "circel", "shapes": {"circle": {"x": 1}}}
    )
    assert len(found) == 6


def test_problems_of_a_union_member_do_not_leak() -> None:
    """Trying the members of a union must note the problem once, not once per member."""
    assert len(problems({"inner": {"rate": "x"}})) == 1


def test_a_word_can_suggest_something_else() -> None:
    with pytest.raises(Refused, match=r"did you mean tricks=\[ema\]"):
        parse(Outer, {"ema": True}, {"ema": "tricks=[ema]"})


def test_descriptions() -> None:
    assert describe(PositiveInt | None) == "a whole number at least 1 or null"
