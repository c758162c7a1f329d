"""Dropout with a schedule of its rate."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ganlab.networks.dropout import ScheduledDropout, dropout
from ganlab.networks.mlp import MLPDiscriminator
from ganlab.networks.norms import NoNorm
from ganlab.scalars import Scheduled
from ganlab.types import Batch, Shapes

SHAPES = Shapes((1, 4, 4), 5)
RATE = Scheduled(0.2, 0.6)


def test_a_number_is_pytorchs_dropout() -> None:
    (layer,) = dropout(0.3)
    assert type(layer) is nn.Dropout
    assert layer.p == 0.3
    assert dropout(0.0) == []


@pytest.mark.parametrize(("progress", "rate"), [(0.0, 0.2), (0.5, 0.4), (1.0, 0.6)])
def test_values_are_dropped_at_the_rate_of_the_progress(progress: float, rate: float) -> None:
    (layer,) = dropout(RATE)
    assert isinstance(layer, ScheduledDropout)
    layer.progress = progress
    x = torch.randn(200, 500, requires_grad=True)
    torch.manual_seed(3)
    y = layer(x)
    torch.manual_seed(3)
    kept = torch.rand(200, 500) >= rate
    torch.testing.assert_close(y, torch.where(kept, x / (1 - rate), 0.0))
    assert (y == 0).float().mean().item() == pytest.approx(rate, abs=0.01)
    (gradient,) = torch.autograd.grad(y.sum(), x)
    torch.testing.assert_close(gradient, kept / (1 - rate))
    layer.progress = torch.tensor(progress, dtype=torch.float64)  # as in a CUDA graph
    torch.manual_seed(3)
    assert torch.equal(layer(x), y)
    assert layer.eval()(x) is x


def test_the_type_stays() -> None:
    (layer,) = dropout(RATE)
    assert layer(torch.ones(8, 8, dtype=torch.bfloat16)).dtype == torch.bfloat16


def test_a_network_passes_the_progress_on() -> None:
    network = MLPDiscriminator(hidden=(64, 64), dropout=Scheduled(0.0, 0.9)).build(SHAPES, NoNorm())
    batch = Batch(torch.randn(6, 1, 4, 4))
    plain = network.eval()(batch).logits
    assert torch.equal(network.train()(batch).logits, plain), "the rate is 0 at the start"
    network.set_progress(1.0)
    assert not torch.equal(network(batch).logits, plain)
