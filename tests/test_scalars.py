"""Schedules of scalars against their closed forms, as numbers and as tensors."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest
import torch

from ganlab.scalars import SHAPES, Scheduled, at, moves, moving_fields, resolved, scale

QUARTERS = [0.0, 0.25, 0.5, 0.75, 1.0]
HALF_ROOT = math.sqrt(0.5)


@pytest.mark.parametrize(
    ("schedule", "values"),  # at 0, 1/4, 1/2, 3/4 and all of the training
    [
        (Scheduled(10.0, 2.0), [10, 8, 6, 4, 2]),
        (Scheduled(0.0, 1.0, "linear", 0.25, 0.75), [0, 0, 0.5, 1, 1]),
        (Scheduled(2.0, 0.0, "cosine"), [2, 1 + HALF_ROOT, 1, 1 - HALF_ROOT, 0]),
        (Scheduled(0.9, 0.99, "cosine", until=0.5), [0.9, 0.945, 0.99, 0.99, 0.99]),
        (Scheduled(1.0, 0.0625, "exponential"), [1, 0.5, 0.25, 0.125, 0.0625]),
        (Scheduled(1.0, 100.0, "exponential", 0.5), [1, 1, 1, 10, 100]),
        (Scheduled(1.0, 3.0, "step", until=0.5), [1, 1, 3, 3, 3]),
        (Scheduled(0.1, 0.3, "step", until=0.75), [0.1, 0.1, 0.1, 0.3, 0.3]),
        (Scheduled(1.0, 3.0, "linear", 0.5, 0.5), [1, 1, 3, 3, 3]),
        (Scheduled(4.0, 4.0, "constant"), [4, 4, 4, 4, 4]),
    ],
)
def test_closed_forms(schedule: Scheduled, values: list[float]) -> None:
    assert [schedule.at(quarter) for quarter in QUARTERS] == pytest.approx(values, rel=1e-12, abs=1e-12)
    on_device = [schedule.at(torch.tensor(quarter, dtype=torch.float64)) for quarter in QUARTERS]
    assert all(value.dtype == torch.float64 and value.shape == () for value in on_device)
    assert [value.item() for value in on_device] == pytest.approx(values, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("shape", sorted(set(SHAPES) - {"constant"}))
def test_a_schedule_stays_between_its_ends(shape: Any) -> None:
    """So that a value's range holds over the whole training if it holds for both ends."""
    for start, end in ((0.9, 1.0), (1.0, 0.3), (0.1, 0.7)):
        values = [Scheduled(start, end, shape, until=0.8).at(step / 97) for step in range(98)]
        steps = [b - a for a, b in pairwise(values)]
        assert all(step * (end - start) >= 0 for step in steps)
        assert min(values) >= min(start, end) - 1e-15
        assert max(values) <= max(start, end) + 1e-15


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"since": 0.6, "until": 0.5}, "from=0.6 and until=0.5"),
        ({"shape": "exponential", "end": 0.0}, "above 0"),
        ({"shape": "step", "since": 0.2}, "leave from out"),
        ({"shape": "constant"}, "shape=constant"),
    ],
)
def test_contradictions_are_refused(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Scheduled(**{"start": 1.0, "end": 0.5, **fields})


@dataclass(frozen=True)
class Component:
    rate: float | Scheduled = 1.0
    pair: tuple[float | Scheduled, float | Scheduled] = (0.5, 0.9)
    name: str = "x"

    def __post_init__(self) -> None:
        if not isinstance(self.rate, Scheduled):
            assert self.rate >= 0  # would read a tensor back


def test_a_component_with_its_schedules_resolved() -> None:
    still = Component()
    assert resolved(still, 0.5) is still
    assert not moving_fields(still)
    moving = Component(Scheduled(0.0, 2.0), (0.5, Scheduled(0.0, 1.0)))
    assert moving_fields(moving) == ["rate", "pair"]
    assert resolved(moving, 0.25) == Component(0.5, (0.5, 0.25))
    on_device = resolved(moving, torch.tensor(0.25, dtype=torch.float64))
    assert isinstance(on_device.rate, torch.Tensor)
    assert moving.rate == Scheduled(0.0, 2.0)  # the setting itself stays


def test_helpers() -> None:
    assert at(3.0, 0.5) == 3.0
    assert moves((1.0, Scheduled(0.0, 1.0)))
    assert not moves((1.0, 2.0))
    one = torch.tensor(3.0)
    for factor in (0.1, torch.tensor(0.1, dtype=torch.float64)):
        assert scale(one, factor).dtype == torch.float32
        assert torch.equal(scale(one, factor), one * 0.1)
    assert f"{Scheduled(2.0, 0.2, 'cosine', until=0.5):g}" == "{start: 2, end: 0.2, shape: cosine, until: 0.5}"
