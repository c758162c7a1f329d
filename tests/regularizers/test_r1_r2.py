from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from ganlab.regularizers.gradient_penalty import GradientPenalty
from ganlab.regularizers.r1_r2 import R1, R2
from tests.regularizers.critics import FAKE, REAL, Critic, W, linear, quadratic, update


@pytest.mark.parametrize("regularizer", [R1(), R2()])
def test_a_linear_critic_pays_half_its_squared_norm(regularizer: R1 | R2) -> None:
    assert regularizer.discriminator(update(linear(), REAL, FAKE)).item() == pytest.approx(
        0.5 * W.norm().item() ** 2, rel=1e-5
    )


def test_r1_looks_at_reals_and_r2_at_fakes() -> None:
    """D(x) = ‖x‖²/2 has ∇D = x: half the mean of ‖x‖², each judged sample's own norm."""
    facts = update(quadratic(), REAL, FAKE)
    assert R1().discriminator(facts).item() == pytest.approx(0.5 * (REAL**2).flatten(1).sum(1).mean().item(), rel=1e-5)
    assert R2().discriminator(facts).item() == pytest.approx(0.5 * (FAKE**2).flatten(1).sum(1).mean().item(), rel=1e-5)


def test_packed_images_have_one_slope() -> None:
    w = torch.stack([W, 2 * W])
    assert R1().discriminator(update(linear(w, pack=2), REAL, FAKE)).item() == pytest.approx(
        0.5 * (w**2).sum().item(), rel=1e-5
    )


def test_r1_is_half_the_zero_centred_penalty_on_reals_and_needs_no_pass_of_its_own() -> None:
    critic = quadratic()
    facts = update(critic, REAL, FAKE)
    passes = len(critic.seen)
    r1 = R1().discriminator(facts)
    assert len(critic.seen) == passes
    penalty = GradientPenalty(at="real", center=0).discriminator(facts)
    assert len(critic.seen) == passes + 1
    torch.testing.assert_close(2 * r1, penalty)


def test_the_gradient_reaches_the_critics_weights() -> None:
    w = nn.Parameter(W.clone())
    critic = Critic(lambda x: (x * w).sum(dim=(1, 2, 3, 4)))
    R1().discriminator(update(critic, REAL, FAKE)).backward()
    torch.testing.assert_close(w.grad, W)  # of ½‖w‖²


def test_under_float16_it_is_float32() -> None:
    """A slope of 300 in each of 60 values: its square is beyond float16."""
    critic = linear(torch.full((3, 4, 5), 300.0))
    facts = update(critic, REAL, FAKE)
    with torch.autocast("cpu", torch.float16):
        penalty = R1().discriminator(replace(facts))
    assert penalty.dtype == torch.float32
    assert penalty.item() == pytest.approx(0.5 * 60 * 300**2)
