from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ganlab.ranks import Ranks
from ganlab.training.meter import Meter

CPU = torch.device("cpu")


def told(*values: float) -> list[dict[str, Tensor]]:
    return [{"loss": torch.tensor(value)} for value in values]


def test_a_mean_is_over_the_values_of_its_own_tag_since_the_last_look() -> None:
    meter = Meter()
    for values in (*told(1.0, 3.0), {"penalty": torch.tensor(5, dtype=torch.float64)}):
        meter.add(values)
    assert meter.read() == {"loss": 2.0, "penalty": 5.0}
    assert meter.read() == {}
    meter.add(told(7.0)[0])
    assert meter.read() == {"loss": 7.0}


def test_what_was_added_stays_as_it_was() -> None:
    """The updates write into their tensors again; a captured one does so at every step."""
    meter, (values,) = Meter(), told(1.0)
    meter.add(values)
    values["loss"].fill_(9.0)
    assert meter.read() == {"loss": 1.0}


def test_what_is_saved_changes_nothing_of_what_is_logged() -> None:
    """Each of several ranks keeps its own sums: averaged ones, to which more is added, would round otherwise."""

    class Doubling(Ranks):
        def average(self, tensors: Sequence[Tensor]) -> None:
            for tensor in tensors:
                tensor.mul_(2)

    meter, ranks = Meter(), Doubling()
    meter.add(told(1.0)[0])
    assert meter.state(ranks)["sums"]["loss"] == 2.0
    assert meter.state(ranks)["sums"]["loss"] == 2.0
    meter.add(told(3.0)[0])
    assert meter.read(ranks) == {"loss": 4.0}
    assert meter.state(ranks) == {"sums": {}, "counts": {}}


def test_a_state_taken_up_goes_on_summing() -> None:
    meter, resumed = Meter(), Meter()
    for values in told(1.0, 2.0):
        meter.add(values)
    resumed.restore(meter.state(), CPU)
    resumed.add(told(6.0)[0])
    assert resumed.read() == {"loss": 3.0}
