"""Histograms of the networks, against those of their tensors; measuring changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ganlab.diagnosis.histograms import BINS, Histograms, histogram, layers_of
from ganlab.training.observer import Histogram, Observer
from ganlab.training.trainer import Trainer
from tests.training.test_divergence import assert_same_state

Make = Callable[..., Trainer]
SPECTRAL = {"norm": {"discriminator": {"weight": "spectral", "layer": "none"}}}


class Taking(Observer):
    """Takes histograms every 2 steps."""

    histograms_every = 2

    def __init__(self) -> None:
        self.found: dict[int, Mapping[str, Histogram]] = {}

    def measured(self, step: int, histograms: Mapping[str, Histogram]) -> None:
        self.found[step] = histograms


def test_counts_are_those_of_the_elements() -> None:
    values = torch.randn(500, generator=torch.Generator().manual_seed(0))
    found = histogram(values)
    assert found is not None
    counts, edges = np.histogram(values.numpy(), BINS)
    np.testing.assert_allclose(found.edges, edges, rtol=1e-5, atol=1e-6)
    assert np.abs(np.array(found.counts) - counts).sum() <= 4  # values on an edge, rounded to either side
    assert sum(found.counts) == 500


@pytest.mark.parametrize("values", [torch.zeros(0), torch.tensor([1.0, float("nan")]), torch.tensor([float("inf")])])
def test_what_has_no_histogram(values: Tensor) -> None:
    assert histogram(values) is None


def test_equal_elements_are_one_bin_around_them() -> None:
    found = histogram(torch.full((7,), -3.0))
    assert found is not None
    assert found.counts == (7.0,)
    assert found.edges[0] < -3 < found.edges[1]


def test_weights_are_those_that_are_applied(make_trainer: Make) -> None:
    trainer = make_trainer(**SPECTRAL)
    found = Histograms(0)(trainer.gan, trainer.feed, 0.0)
    for name, network in (("generator", trainer.generator.network), ("discriminator", trainer.discriminator.network)):
        layers = layers_of(network)
        for kind in ("weights", "gradients", "activations"):
            assert {key.split("/")[2] for key in found if key.startswith(f"{kind}/{name}/")} == set(layers)
        for layer, module in layers.items():
            weights = module.applied_weight().detach()
            one = found[f"weights/{name}/{layer}"]
            assert (one.edges[0], one.edges[-1]) == pytest.approx(
                (float(weights.min()), float(weights.max())), rel=1e-5
            )
            assert sum(one.counts) == weights.numel()
            assert sum(found[f"gradients/{name}/{layer}"].counts) == module.weight.numel()


def test_measuring_changes_nothing(make_trainer: Make) -> None:
    random_parts: dict[str, Any] = {
        **SPECTRAL,
        "augment": {"ada": {}},
        "regularizer": {"r1": {}, "lecam": {}},
        "steps": 4,
    }
    taking = Taking()
    with_, without = make_trainer((taking,), **random_parts), make_trainer(**random_parts)
    with_.run()
    without.run()
    assert_same_state(with_, without)
    assert sorted(taking.found) == [0, 2, 4]
    assert taking.found[0] != taking.found[4]
    again = with_.reports.measure(with_.gan, with_.feed, 1.0) if with_.reports.measure else {}
    assert again == taking.found[4]


def test_what_cannot_be_measured_does_not_end_a_run(make_trainer: Make, caplog: pytest.LogCaptureFixture) -> None:
    def broken(*args: Any) -> Any:
        raise ZeroDivisionError("nothing to divide by")

    taking = Taking()
    trainer = make_trainer((taking,), steps=4)
    trainer.reports.measure = broken
    trainer.run()
    assert trainer.step == 4
    assert taking.found == {}
    assert caplog.text.count("histograms could not be computed (ZeroDivisionError: nothing to divide by)") == 1
