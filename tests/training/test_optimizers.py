"""Optimizers against their formulas, decays by hand, clipping against PyTorch's, and all of it against bad gradients."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from ganlab.config import configure
from ganlab.training.decays import CosineDecay, Decay, LinearDecay, NoDecay
from ganlab.training.learner import Learner
from ganlab.training.optimizers import SGD, Adam, AdamW, OptimizerSetting, RMSprop

ALL = [
    Adam(lr=0.1, betas=(0.5, 0.9)),
    AdamW(lr=0.1, betas=(0.5, 0.9), weight_decay=0.1),
    RMSprop(lr=0.1, alpha=0.9, weight_decay=0.1),
    SGD(lr=0.1, momentum=0.8, weight_decay=0.1),
    SGD(lr=0.1, momentum=0.0),
]
IDS = [f"{type(setting).__name__}-{index}" for index, setting in enumerate(ALL)]


def learner(setting: OptimizerSetting, dtype: torch.dtype = torch.float32) -> Learner:
    torch.manual_seed(0)
    return Learner("generator", nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2)), setting, dtype=dtype)


def descend(one: Learner, factor: float = 1.0, progress: float = 0.0) -> dict[str, torch.Tensor]:
    one.backward(one.network(torch.ones(5, 3) * factor).pow(2).sum())
    return dict(one.apply(progress))


def weights(one: Learner) -> list[torch.Tensor]:
    return [parameter.detach().clone() for parameter in one.parameters]


def same(a: list[torch.Tensor], b: list[torch.Tensor]) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


# ---------------------------------------------------------------------------------------------------------- optimizers


def by_hand(setting: OptimizerSetting, gradients: list[float], w: float) -> float:
    """A weight after these gradients, in Python's own numbers."""
    lr, m, v, b = setting.lr, 0.0, 0.0, 0.0
    assert lr != "auto"
    for t, g in enumerate(gradients, 1):
        if isinstance(setting, Adam | AdamW):
            b1, b2 = setting.betas
            if isinstance(setting, AdamW):
                w -= lr * setting.weight_decay * w
            else:
                g += setting.weight_decay * w
            m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
            w -= lr * (m / (1 - b1**t)) / (math.sqrt(v / (1 - b2**t)) + setting.epsilon)
        elif isinstance(setting, RMSprop):
            g += setting.weight_decay * w
            v = setting.alpha * v + (1 - setting.alpha) * g * g
            w -= lr * g / (math.sqrt(v) + setting.epsilon)
        elif isinstance(setting, SGD):
            b = setting.momentum * b + g + setting.weight_decay * w
            w -= lr * b
    return w


@pytest.mark.parametrize("setting", [*ALL, Adam(lr=0.1, betas=(0.5, 0.9), weight_decay=0.1, epsilon=0.1)])
def test_an_optimizer_is_its_formula(setting: OptimizerSetting) -> None:
    w = nn.Parameter(torch.tensor([2.0]))
    optimizer = setting.build([w])
    gradients = [0.5, -0.2, 3.0, 0.1]
    for gradient in gradients:
        w.grad = torch.tensor([gradient])
        optimizer.step()
    assert w.item() == pytest.approx(by_hand(setting, gradients, 2.0), rel=1e-5)


def test_rmsprop_is_pytorchs() -> None:
    one = learner(RMSprop(lr=0.01, alpha=0.9, epsilon=1e-6, weight_decay=0.3))
    network = learner(ALL[0]).network
    theirs = torch.optim.RMSprop(network.parameters(), 0.01, alpha=0.9, eps=1e-6, weight_decay=0.3)
    for _ in range(4):
        descend(one)
        theirs.zero_grad()
        network(torch.ones(5, 3)).pow(2).sum().backward()
        theirs.step()
    torch.testing.assert_close(one.parameters, list(network.parameters()))


@pytest.mark.parametrize("setting", ALL, ids=IDS)
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("when", [0, 2])
@pytest.mark.parametrize("clip", [{}, {"clip_norm": 0.5}, {"clip_value": 0.5}, {"clip_norm": 0.5, "clip_value": 0.1}])
def test_a_bad_gradient_leaves_no_trace(
    setting: OptimizerSetting, bad: float, when: int, clip: dict[str, float]
) -> None:
    """Not in the weights, nor in the moments, nor in the count: what follows is what it would have been."""
    one, clean = (learner(replace(setting, **clip)) for _ in range(2))
    for step in range(4):
        if step == when:
            before = weights(one)
            assert descend(one, bad)["generator/blocked"] == 1
            assert same(weights(one), before)
        for each in (one, clean):
            assert descend(each)["generator/blocked"] == 0
    assert same(weights(one), weights(clean))
    assert not same(weights(one), before)


@pytest.mark.parametrize("setting", ALL, ids=IDS)
def test_the_gate_reads_nothing_back(setting: OptimizerSetting, monkeypatch: pytest.MonkeyPatch) -> None:
    one = learner(replace(setting, clip_norm=1.0, clip_value=1.0, decay=CosineDecay()))

    def read(*arguments: object) -> None:
        raise AssertionError("read back from the device")

    for name in ("item", "tolist", "__bool__", "__float__"):
        monkeypatch.setattr(torch.Tensor, name, read)
    descend(one)
    descend(one, float("nan"))


@pytest.mark.parametrize("setting", ALL, ids=IDS)
@pytest.mark.parametrize("clip", [{}, {"clip_norm": 0.5, "clip_value": 0.2}])
def test_float16_is_clipped_after_its_scale_is_taken_off(setting: OptimizerSetting, clip: dict[str, float]) -> None:
    setting = replace(setting, **clip)
    scaled, plain = learner(setting, torch.float16), learner(setting)
    for _ in range(2):
        for each in (scaled, plain):
            values = descend(each)
    assert values["generator/gradient_norm"] > 0.5
    torch.testing.assert_close(scaled.parameters, plain.parameters)
    before = weights(scaled)
    descend(scaled, float("inf"))
    assert same(weights(scaled), before)


@pytest.mark.parametrize("setting", ALL, ids=IDS)
def test_two_updates_a_save_and_two_more_are_four(setting: OptimizerSetting) -> None:
    setting = replace(setting, decay=LinearDecay())
    unbroken, first, second = (learner(setting) for _ in range(3))
    for step in range(4):
        descend(unbroken, progress=step / 4)
        if step < 2:
            descend(first, progress=step / 4)
    descend(second)  # what the resumed one did before does not matter
    second.restore(first.state())
    for step in (2, 3):
        descend(second, progress=step / 4)
    assert same(weights(unbroken), weights(second))
    assert second.learning_rate == unbroken.learning_rate == pytest.approx(0.1 * 0.25)


# ------------------------------------------------------------------------------------------------------------ clipping


def gradients(one: Learner) -> list[torch.Tensor]:
    """The gradients that reach plain gradient descent at rate 1: the weights' changes."""
    before = weights(one)
    descend(one)
    return [a - b for a, b in zip(before, weights(one), strict=True)]


PLAIN = SGD(lr=1.0, momentum=0.0)


@pytest.mark.parametrize("longest", [0.01, 1.0, 1e6])
def test_clipping_by_norm_is_pytorchs(longest: float) -> None:
    network = learner(PLAIN).network
    network(torch.ones(5, 3)).pow(2).sum().backward()
    norm = torch.nn.utils.clip_grad_norm_(network.parameters(), longest)
    one = learner(replace(PLAIN, clip_norm=longest))
    torch.testing.assert_close(
        gradients(one), [parameter.grad for parameter in network.parameters()], atol=1e-6, rtol=1e-4
    )
    # what is reported is the norm before clipping
    assert descend(learner(replace(PLAIN, clip_norm=longest)))["generator/gradient_norm"] == pytest.approx(norm.item())
    assert 1 < norm < 1e6


def test_clipping_by_value_limits_each_number() -> None:
    whole = gradients(learner(PLAIN))
    limit = 0.5 * max(gradient.abs().max().item() for gradient in whole)
    clipped = gradients(learner(replace(PLAIN, clip_value=limit)))
    torch.testing.assert_close(clipped, [gradient.clamp(-limit, limit) for gradient in whole], atol=1e-6, rtol=1e-5)


def test_the_norm_is_clipped_first() -> None:
    whole = gradients(learner(PLAIN))
    norm = torch.cat([gradient.flatten() for gradient in whole]).norm()
    both = gradients(learner(replace(PLAIN, clip_norm=1.0, clip_value=0.2)))
    expected = [(gradient / norm).clamp(-0.2, 0.2) for gradient in whole]
    assert max(gradient.abs().max() for gradient in both) == pytest.approx(0.2, rel=1e-4)
    torch.testing.assert_close(both, expected, atol=1e-6, rtol=1e-4)


# -------------------------------------------------------------------------------------------------------------- decays


@pytest.mark.parametrize(
    ("decay", "factors"),  # when 0, 1/4, 1/2, 3/4 and all of the training is done
    [
        (NoDecay(), [1, 1, 1, 1, 1]),
        (LinearDecay(), [1, 0.75, 0.5, 0.25, 0]),
        (LinearDecay(start=0.5), [1, 1, 1, 0.5, 0]),
        (LinearDecay(to=0.2), [1, 0.8, 0.6, 0.4, 0.2]),
        (LinearDecay(start=0.5, to=0.5), [1, 1, 1, 0.75, 0.5]),
        (CosineDecay(), [1, (1 + math.sqrt(0.5)) / 2, 0.5, (1 - math.sqrt(0.5)) / 2, 0]),
        (CosineDecay(to=0.5), [1, (3 + math.sqrt(0.5)) / 4, 0.75, (3 - math.sqrt(0.5)) / 4, 0.5]),
    ],
)
def test_decays_by_hand(decay: Decay, factors: list[float]) -> None:
    assert [decay.factor(quarter / 4) for quarter in range(5)] == pytest.approx(factors)


def test_the_rate_is_that_of_the_progress_alone() -> None:
    one = learner(replace(PLAIN, lr=0.2, decay=LinearDecay()))
    for progress in (0.5, 0.0, 0.75):  # in any order: nothing is multiplied up
        before = weights(one)
        descend(one, progress=progress)
        assert one.learning_rate == pytest.approx(0.2 * (1 - progress))
        reference = learner(replace(PLAIN, lr=0.2 * (1 - progress)))
        with torch.no_grad():
            for parameter, value in zip(reference.parameters, before, strict=True):
                parameter.copy_(value)
        descend(reference)
        torch.testing.assert_close(one.parameters, reference.parameters)


# -------------------------------------------------------------------------------------------------- what a person types


def test_one_network_may_have_another_optimizer() -> None:
    settings = configure(
        {"loss": "bce", "optimizer": {"generator": "sgd", "discriminator": {"name": "rmsprop", "decay": "cosine"}}}
    ).settings
    assert settings.optimizer.generator == SGD(lr=2e-4)
    assert settings.optimizer.discriminator == RMSprop(lr=2e-4, decay=CosineDecay())
    assert configure({"optimizer": {"generator": "adamw"}}).settings.optimizer.generator == AdamW(
        lr=2e-4, betas=(0.5, 0.999)
    )


@pytest.mark.parametrize(
    ("typed", "network", "kind"),
    [
        (["optimizer.generator=sgd"], "generator", SGD),
        (["optimizer=rmsprop"], "discriminator", RMSprop),
        (["optimizer=adamw", "optimizer.generator=adam"], "generator", Adam),
    ],
)
def test_optimizers_as_they_are_typed(typed: list[str], network: str, kind: type) -> None:
    from ganlab.config.compose import composer
    from ganlab.config.parse import parse
    from ganlab.config.settings import Settings

    with composer() as composing:
        settings = parse(Settings, composing.plain(typed))
    assert getattr(settings.optimizer, network) == kind()


@pytest.mark.parametrize(
    ("trick", "expected"),
    [
        ("gradient_clipping", Adam(clip_norm=1.0)),
        ("linear_decay", Adam(decay=LinearDecay())),
        ("cosine_decay", Adam(decay=CosineDecay())),
    ],
)
def test_tricks_of_the_optimizers(trick: str, expected: Adam) -> None:
    from ganlab.config.compose import composer
    from ganlab.config.parse import parse
    from ganlab.config.settings import Settings

    with composer() as composing:
        settings = parse(Settings, composing.plain([f"tricks=[{trick}]"]))
        averaged = parse(Settings, composing.plain(["tricks=[uniform_average]"]))
    assert settings.optimizer.generator == settings.optimizer.discriminator == expected
    assert type(averaged.averaging).__name__ == "UniformAverage"
