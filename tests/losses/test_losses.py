from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from ganlab.losses import LOSSES, Targets
from ganlab.losses.bce import BCE
from ganlab.losses.wasserstein import Wasserstein
from ganlab.types import TargetPair

REAL, FAKE = torch.tensor([2.0, -1.0, 0.0]), torch.tensor([0.5, -3.0, 1.0])


def test_bce_hand_values() -> None:
    """At logit 0, D is undecided: log 2 for each half."""
    zero = torch.zeros(1)
    assert BCE().discriminator(zero, zero, TargetPair()).item() == pytest.approx(2 * math.log(2))
    assert BCE().generator(zero).item() == pytest.approx(math.log(2))
    assert BCE().generator(torch.tensor([3.0])).item() == pytest.approx(-math.log(1 / (1 + math.exp(-3))))


@pytest.mark.parametrize(
    "targets", [TargetPair(), TargetPair(0.9, 0.1), TargetPair(torch.tensor([0.8, 1.0, 0.0]), 0.0)]
)
def test_bce_is_pytorchs_per_sample(targets: TargetPair) -> None:
    expected = F.binary_cross_entropy_with_logits(REAL, torch.as_tensor(targets.real).expand(3), reduction="none")
    expected = expected + F.binary_cross_entropy_with_logits(
        FAKE, torch.as_tensor(targets.fake).expand(3), reduction="none"
    )
    torch.testing.assert_close(BCE().discriminator(REAL, FAKE, targets), expected)


def test_bce_does_not_saturate_for_g() -> None:
    """Where D is sure of a fake, the saturating form's gradient vanishes and this one's is -1."""
    logit = torch.tensor([-20.0], requires_grad=True)
    BCE().generator(logit).sum().backward()
    assert logit.grad.item() == pytest.approx(-1, abs=1e-6)


def test_bce_is_finite_at_any_logit() -> None:
    huge = torch.tensor([1e4, -1e4])
    assert BCE().discriminator(huge, huge, TargetPair(0.9)).isfinite().all()


def test_wasserstein_hand_values() -> None:
    torch.testing.assert_close(Wasserstein().discriminator(REAL, FAKE, TargetPair()), torch.tensor([-1.5, -2.0, 1.0]))
    torch.testing.assert_close(Wasserstein().generator(FAKE), torch.tensor([-0.5, 3.0, -1.0]))


def test_one_sided_smoothing_leaves_the_fakes_alone() -> None:
    pair = Targets(real=0.9).draw(3, lambda stream: torch.Generator())
    assert (pair.real, pair.fake) == (0.9, 0.0)
    # the optimum moves to D(x) = 0.9 for reals: no gradient there, and a push back beyond it
    at = torch.tensor([math.log(9)], requires_grad=True)
    BCE().discriminator(at, torch.tensor([0.0]), pair).sum().backward()
    assert at.grad.item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_losses_are_per_sample(name: str) -> None:
    loss = LOSSES[name]()
    assert loss.discriminator(REAL, FAKE, TargetPair()).shape == (3,)
    assert loss.generator(FAKE, REAL).shape == (3,)
    assert loss.recommended.n_critic >= 1


@pytest.mark.parametrize("name", LOSSES)
def test_players_pull_in_opposite_directions(name: str) -> None:
    fake = FAKE.clone().requires_grad_()
    loss = LOSSES[name]()
    (for_d,) = torch.autograd.grad(loss.discriminator(REAL, fake, TargetPair()).sum(), fake)
    (for_g,) = torch.autograd.grad(loss.generator(fake, REAL).sum(), fake)
    assert (for_d * for_g < 0).all()
