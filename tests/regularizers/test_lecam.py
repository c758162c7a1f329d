from __future__ import annotations

from typing import Any

import pytest
import torch

from ganlab.regularizers.lecam import LeCam
from ganlab.types import DiscriminatorOutput, Observation
from tests.regularizers.critics import FAKE, REAL, linear, update

CPU = torch.device("cpu")


def observed(real: float, fake: float) -> Observation:
    return Observation(
        DiscriminatorOutput(torch.tensor([real, real])), DiscriminatorOutput(torch.tensor([fake, fake])), 2
    )


def test_the_term_by_hand() -> None:
    """E[max(0, D(x) - α_F)²] + E[max(0, α_R - D(G(z)))²] with the means of earlier updates."""
    setting = LeCam(decay=0.5)
    state = setting.initial_state(CPU)
    for real, fake in ((2.0, -1.0), (4.0, 1.0)):  # the first sets the means, the second moves them halfway
        setting.observe(state, observed(real, fake))
    assert (state["real"].item(), state["fake"].item()) == (3.0, 0.0)
    critic = linear()
    facts = update(critic, REAL, FAKE, state=state)
    reals, fakes = critic.f(REAL.unsqueeze(1)), critic.f(FAKE.unsqueeze(1))
    expected = (reals - 0.0).clamp_min(0).square().mean() + (3.0 - fakes).clamp_min(0).square().mean()
    assert setting.discriminator(facts).item() == pytest.approx(expected.item(), rel=1e-5)


def test_it_starts_late_and_means_then_move_slowly() -> None:
    setting = LeCam(start=2, decay=0.9)
    state = setting.initial_state(CPU)
    found: list[Any] = []
    for number in range(4):
        found.append(setting.discriminator(update(linear(), REAL, FAKE, state=state)).item())
        setting.observe(state, observed(float(number), 0.0))
    assert found[:2] == [0.0, 0.0]
    assert found[2] > 0
    # means are those of the last update until the start (0, 1), then 0.9 m + 0.1 x: 1 -> 1.1 -> 1.29
    assert state["real"].item() == pytest.approx(1.29)


def test_its_gradient_reaches_the_critic_and_not_the_means() -> None:
    setting = LeCam()
    state = setting.initial_state(CPU)
    setting.observe(state, observed(50.0, -50.0))
    facts = update(linear(), REAL, FAKE, state=state)
    (gradient,) = torch.autograd.grad(setting.discriminator(facts), facts.augmented_real.images)
    assert gradient.abs().sum() > 0
    assert not state["real"].requires_grad
