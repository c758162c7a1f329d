from __future__ import annotations

import pytest
import torch
from torch import nn

from ganlab.training.averaging import EMA, Average, NoAveraging, UniformAverage
from ganlab.training.constraints import WeightClipping
from ganlab.training.learner import Learner
from ganlab.training.optimizers import Adam, OptimizerSetting

ADAM = Adam(lr=0.1, betas=(0.5, 0.9))


def learner(**parts: object) -> Learner:
    torch.manual_seed(0)
    return Learner("generator", nn.Linear(3, 2), ADAM, **parts)  # type: ignore[arg-type]


def descend(one: Learner, factor: float = 1.0) -> dict[str, torch.Tensor]:
    one.backward(one.network(torch.ones(4, 3)).sum() * factor)
    return dict(one.apply())


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_gradient_that_is_not_finite_moves_nothing(bad: float) -> None:
    one, clean = learner(), learner()
    for each in (one, clean):
        descend(each)
    before = [parameter.clone() for parameter in one.parameters]
    assert descend(one, bad)["generator/blocked"] == 1
    assert all(torch.equal(a, b) for a, b in zip(one.parameters, before, strict=True))
    # and leaves no trace in the moments or the count: the next update is what it would have been
    for each in (one, clean):
        assert descend(each)["generator/blocked"] == 0
    assert all(torch.equal(a, b) for a, b in zip(one.parameters, clean.parameters, strict=True))


def test_an_optimizer_without_a_gate_is_gated_too() -> None:
    class Plain(OptimizerSetting):
        def build(self, parameters):  # type: ignore[no-untyped-def]
            return torch.optim.RMSprop(parameters, 0.1)

    one = Learner("generator", nn.Linear(3, 2), Plain())
    before = [parameter.clone() for parameter in one.parameters]
    descend(one, float("nan"))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters, before, strict=True))
    descend(one)
    assert not torch.equal(one.parameters[0], before[0])


def test_the_norm_is_that_of_all_gradients_together() -> None:
    one = learner()
    values = descend(one)
    # d/dW of the sum over 4 ones-vectors: 4 in each of 6 weights and of 2 biases
    assert values["generator/gradient_norm"].item() == pytest.approx((8 * 16) ** 0.5)


def test_gradients_are_gone_after_an_update_and_add_up_before() -> None:
    one = learner()
    for _ in range(2):
        one.backward(one.network(torch.ones(4, 3)).sum())
    assert one.parameters[0].grad[0, 0] == 8
    one.apply()
    assert all(parameter.grad is None for parameter in one.parameters)


def test_weights_are_clipped_after_each_update() -> None:
    one = learner(constraint=WeightClipping(bound=0.05))
    descend(one)
    assert max(parameter.abs().max().item() for parameter in one.parameters) == pytest.approx(0.05)


def test_held_parameters_get_no_gradient() -> None:
    one = learner()
    x = torch.ones(4, 3, requires_grad=True)
    with one.parameters_frozen():
        one.network(x).sum().backward()
    assert x.grad is not None
    assert all(parameter.grad is None and parameter.requires_grad for parameter in one.parameters)


class Buffered(nn.Module):
    averaged_buffers = ("statistic",)

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.zeros(()))
        self.register_buffer("statistic", torch.zeros(()))
        self.register_buffer("count", torch.zeros((), dtype=torch.long))
        self.register_buffer("vector", torch.zeros(()))


def test_ema_is_the_closed_form() -> None:
    """w̄_n = decay^n · w_0 + (1 - decay) Σ decay^(n-i) · w_i; statistics alike, counters copied."""
    source = Buffered()
    average = Average(source, EMA(decay=0.9, ramp=None))
    values = [1.0, 4.0, -2.0, 3.0]
    for update, value in enumerate(values, 1):
        with torch.no_grad():
            source.w.fill_(value)
            source.statistic.fill_(2 * value)
            source.count.fill_(update)
            source.vector.fill_(-value)
        average.prepare(update)
        average.follow()
    expected = sum(0.1 * 0.9 ** (len(values) - i) * value for i, value in enumerate(values, 1))
    assert average.network.w.item() == pytest.approx(expected)
    assert average.network.statistic.item() == pytest.approx(2 * expected)
    assert average.network.count.item() == 4
    assert average.network.vector.item() == -3  # not a statistic: an average of two unit vectors is none
    assert not average.network.training
    assert not average.network.w.requires_grad


def test_ema_copies_until_its_start() -> None:
    source = Buffered()
    average = Average(source, EMA(decay=0.9, start=2, ramp=None))
    for update, value in enumerate([5.0, 7.0, 17.0], 1):
        with torch.no_grad():
            source.w.fill_(value)
        average.prepare(update)
        average.follow()
        if update <= 2:
            assert average.network.w.item() == value
    assert average.network.w.item() == pytest.approx(0.9 * 7 + 0.1 * 17)


@pytest.mark.parametrize("start", [0, 3])
def test_the_uniform_average_is_the_mean_of_recorded_weights(start: int) -> None:
    source = Buffered()
    average = Average(source, UniformAverage(start=start))
    recorded = []
    for update, value in enumerate([5.0, -7.0, 17.0, 2.0, 11.0, 0.5], 1):
        with torch.no_grad():
            source.w.fill_(value)
            source.statistic.fill_(value * 3)
        average.prepare(update)
        average.follow()
        recorded.append(value)
        since = recorded[start:] or recorded[-1:]
        assert average.network.w.item() == pytest.approx(sum(since) / len(since), abs=1e-6)
        assert average.network.statistic.item() == pytest.approx(3 * sum(since) / len(since), abs=1e-5)


def test_the_ramp_limits_the_half_life() -> None:
    ema = EMA(decay=0.999, ramp=0.05)
    assert ema.share(100) == pytest.approx(1 - 0.5 ** (1 / 5))  # a half-life of 5 of 100 updates
    assert ema.share(10**6) == pytest.approx(0.001)
    assert ema.share(1) > 0.99
    assert NoAveraging().share(1) is None


def test_the_ramp_counts_from_the_start() -> None:
    """A half-life of 0.05 · (108 - 8) = 5 updates; up to the start nothing is averaged."""
    ema = EMA(decay=0.999, start=8, ramp=0.05)
    assert ema.share(8) == 1
    assert ema.share(9) == pytest.approx(1 - 0.5**20)
    assert ema.share(108) == pytest.approx(1 - 0.5 ** (1 / 5))


def test_a_statistic_that_overflows_stays_as_it_was() -> None:
    """Activations of 1e20 have a variance that float32 has not, while loss and gradient are finite."""
    source = Buffered()
    one = Learner("generator", source, Adam(lr=1e-3, betas=(0.0, 0.9)))
    for value, kept in ((2.0, 2.0), (float("inf"), 2.0), (3.0, 3.0)):
        source.statistic.fill_(value)
        one.backward(source.w.sum())
        assert one.apply()["generator/blocked"] == 0
        assert source.statistic.item() == kept


def test_float16_scales_its_losses() -> None:
    """The scaler must not change what is learnt: two exact powers of two cancel."""
    scaled, plain = learner(dtype=torch.float16), learner()
    for each in (scaled, plain):
        descend(each)
    assert scaled.scaler is not None
    torch.testing.assert_close(list(scaled.parameters), list(plain.parameters))
    before = [parameter.clone() for parameter in scaled.parameters]
    scale = scaled.scaler.get_scale()
    descend(scaled, float("inf"))
    assert all(torch.equal(a, b) for a, b in zip(scaled.parameters, before, strict=True))
    assert scaled.scaler.get_scale() < scale
