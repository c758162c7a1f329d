from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from ganlab.losses import LOSSES, Targets
from ganlab.losses.bce import BCE
from ganlab.losses.hinge import Hinge
from ganlab.losses.lsgan import LSGAN
from ganlab.losses.minimax import Minimax
from ganlab.losses.relativistic import Relativistic
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


def test_minimax_is_bce_for_d_and_saturates_for_g() -> None:
    """G minimises log(1 - D(G(z))): log ½ at logit 0, and the gradient -σ(l) vanishes where D is sure of a fake."""
    targets = TargetPair(0.9, 0.1)
    torch.testing.assert_close(
        Minimax().discriminator(REAL, FAKE, targets), BCE().discriminator(REAL, FAKE, targets), rtol=0, atol=0
    )
    assert Minimax().generator(torch.zeros(1)).item() == pytest.approx(math.log(0.5))
    assert Minimax().generator(torch.tensor([1.0])).item() == pytest.approx(math.log(1 - 1 / (1 + math.exp(-1))))
    logit = torch.tensor([-20.0, 0.0], requires_grad=True)
    Minimax().generator(logit).sum().backward()
    torch.testing.assert_close(logit.grad, torch.tensor([0.0, -0.5]), atol=1e-6, rtol=0)


def test_lsgan_hand_values() -> None:
    """½(l - 1)² on reals 2, -1, 0 and ½l² on fakes ½, -3, 1; G wants ½(l - 1)² on fakes."""
    hard = LSGAN().discriminator(REAL, FAKE, TargetPair())
    torch.testing.assert_close(hard, torch.tensor([0.5 + 0.125, 2.0 + 4.5, 0.5 + 0.5]))
    smooth = LSGAN().discriminator(REAL, FAKE, TargetPair(torch.tensor([1.0, 0.0, 0.5]), 0.5))
    torch.testing.assert_close(smooth, torch.tensor([0.5 + 0.0, 0.5 + 6.125, 0.125 + 0.125]))
    torch.testing.assert_close(LSGAN().generator(FAKE), torch.tensor([0.125, 8.0, 0.0]))


def test_hinge_hand_values() -> None:
    """max(0, 1 - l) on reals 2, -1, 0 and max(0, 1 + l) on fakes ½, -3, 1."""
    torch.testing.assert_close(
        Hinge().discriminator(REAL, FAKE, TargetPair()), torch.tensor([0.0 + 1.5, 2.0 + 0.0, 1.0 + 2.0])
    )
    torch.testing.assert_close(Hinge().generator(FAKE), -FAKE)


def test_hinge_has_done_with_samples_beyond_its_margin_and_wasserstein_has_not() -> None:
    real, fake = torch.tensor([5.0], requires_grad=True), torch.tensor([-5.0], requires_grad=True)
    for loss, pull in ((Hinge(), 0.0), (Wasserstein(), 1.0)):
        gradients = torch.autograd.grad(loss.discriminator(real, fake, TargetPair()).sum(), (real, fake))
        assert [gradient.item() for gradient in gradients] == [-pull, pull]


def log_sigmoid(logit: float) -> float:
    return -math.log(1 + math.exp(-logit))


def test_rpgan_hand_values() -> None:
    """-log σ(C(x) - C(G(z))) for each pair; G's has the two in each other's place."""
    real, fake = REAL.tolist(), FAKE.tolist()
    found = Relativistic().discriminator(REAL, FAKE, TargetPair())
    assert found.tolist() == pytest.approx([-log_sigmoid(r - f) for r, f in zip(real, fake, strict=True)])
    found = Relativistic().generator(FAKE, REAL)
    assert found.tolist() == pytest.approx([-log_sigmoid(f - r) for r, f in zip(real, fake, strict=True)])


def test_ragan_hand_values() -> None:
    """-log D̃(x) - log(1 - D̃(G(z))) with D̃(x) = σ(C(x) - E C(G(z))) and the other way round; G's has x and G(z) swapped."""
    real, fake = REAL.tolist(), FAKE.tolist()
    mean_real, mean_fake = sum(real) / 3, sum(fake) / 3
    for_d = [
        -log_sigmoid(r - mean_fake) - math.log(1 - math.exp(log_sigmoid(f - mean_real)))
        for r, f in zip(real, fake, strict=True)
    ]
    for_g = [
        -log_sigmoid(f - mean_real) - math.log(1 - math.exp(log_sigmoid(r - mean_fake)))
        for r, f in zip(real, fake, strict=True)
    ]
    average = Relativistic(form="average")
    assert average.discriminator(REAL, FAKE, TargetPair()).tolist() == pytest.approx(for_d)
    assert average.generator(FAKE, REAL).tolist() == pytest.approx(for_g)


def test_ragans_gradient_flows_through_both_means() -> None:
    """With a = σ(E C(G(z)) - C(x)) and b = σ(C(G(z)) - E C(x)): -a - E b for each real, b + E a for each fake."""
    real, fake = REAL.clone().requires_grad_(), FAKE.clone().requires_grad_()
    a, b = torch.sigmoid(FAKE.mean() - REAL), torch.sigmoid(FAKE - REAL.mean())
    loss = Relativistic(form="average")
    found = torch.autograd.grad(loss.discriminator(real, fake, TargetPair()).sum(), (real, fake))
    torch.testing.assert_close(found, (-a - b.mean(), b + a.mean()))
    a, b = torch.sigmoid(REAL.mean() - FAKE), torch.sigmoid(REAL - FAKE.mean())
    found = torch.autograd.grad(loss.generator(fake, real).sum(), (real, fake))
    torch.testing.assert_close(found, (b + a.mean(), -a - b.mean()))


def test_rpgan_is_not_bce_a_level_that_both_share_costs_nothing() -> None:
    moved = (REAL + 7, FAKE + 7, TargetPair())
    for loss in (Relativistic(), Relativistic(form="average")):
        torch.testing.assert_close(loss.discriminator(*moved), loss.discriminator(REAL, FAKE, TargetPair()))
    assert not torch.allclose(BCE().discriminator(*moved), BCE().discriminator(REAL, FAKE, TargetPair()))


def test_ragan_is_not_rpgan_who_is_paired_with_whom_does_not_matter() -> None:
    other = FAKE.roll(1)
    pair, average = (
        [loss.discriminator(REAL, fake, TargetPair()).mean().item() for fake in (FAKE, other)]
        for loss in (Relativistic(), Relativistic(form="average"))
    )
    assert average[0] == pytest.approx(average[1])
    assert pair[0] != pytest.approx(pair[1])


@pytest.mark.parametrize("form", ["pair", "average"])
def test_a_relativistic_g_learns_through_its_fakes(form: str) -> None:
    fake = FAKE.clone().requires_grad_()
    loss = Relativistic(form=form)  # type: ignore[arg-type]
    loss.generator(fake, REAL).sum().backward()
    assert (fake.grad < 0).all()
    assert loss.needs_real
    with pytest.raises(ValueError, match="reals"):
        loss.generator(fake)


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
    fake = torch.tensor([0.5, 0.2, 0.8], requires_grad=True)  # beyond 0 and 1, least squares pull both players back
    loss = LOSSES[name]()
    (for_d,) = torch.autograd.grad(loss.discriminator(REAL, fake, TargetPair()).sum(), fake)
    (for_g,) = torch.autograd.grad(loss.generator(fake, REAL).sum(), fake)
    assert (for_d * for_g < 0).all()
