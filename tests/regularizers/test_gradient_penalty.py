from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from ganlab.networks.base import DiscriminatorModule
from ganlab.regularizers.gradient_penalty import GradientPenalty
from ganlab.types import Batch, DiscriminatorOutput
from tests.regularizers.critics import FAKE, REAL, Critic, W, linear, quadratic, update


def test_a_linear_critic_pays_its_norm_minus_one_squared() -> None:
    """∇(w·x) = w everywhere, so the penalty is (‖w‖ - 1)², over all of C, H, W together and not averaged over channels."""
    penalty = GradientPenalty().discriminator(update(linear(), REAL, FAKE))
    assert penalty.item() == pytest.approx((W.norm().item() - 1) ** 2, rel=1e-5)


def test_packed_images_have_one_norm() -> None:
    w = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(2))
    critic = Critic(lambda x: (x * w).sum(dim=(1, 2, 3, 4)), pack=2)
    penalty = GradientPenalty().discriminator(update(critic, REAL, FAKE))
    assert penalty.item() == pytest.approx((w.norm().item() - 1) ** 2, rel=1e-5)


def test_the_points_lie_on_the_segments_one_position_per_image() -> None:
    critic = Critic(lambda x: x.sum(dim=(1, 2, 3, 4)))
    GradientPenalty().discriminator(update(critic, REAL, FAKE))
    x_hat = critic.seen[-1].detach()
    position = ((x_hat - REAL) / (FAKE - REAL)).flatten(1)
    torch.testing.assert_close(position, position[:, :1].expand_as(position), atol=1e-3, rtol=0)
    assert (position[:, 0] >= 0).all()
    assert (position[:, 0] <= 1).all()
    assert position[:, 0].std() > 0.1


def test_images_that_are_judged_together_move_along_one_segment() -> None:
    critic = Critic(lambda x: x.sum(dim=(1, 2, 3, 4)), pack=2)
    GradientPenalty().discriminator(update(critic, REAL, FAKE))
    way = (FAKE - REAL).flatten(1)
    position = ((critic.seen[-1].detach() - REAL).flatten(1) * way).sum(1) / (way**2).sum(1)
    first, second = position.view(3, 2).T
    torch.testing.assert_close(first, second)
    assert len(first.round(decimals=4).unique()) == 3


def test_a_quadratic_critic_by_hand() -> None:
    """f(x) = ‖x‖²/2 has ∇f = x, so the penalty is the mean of (‖x̂‖ - 1)²: each image's own norm, whatever its mates."""
    critic = quadratic()
    penalty = GradientPenalty().discriminator(update(critic, REAL, FAKE))
    norms = critic.seen[-1].detach().flatten(1).norm(dim=1)
    assert penalty.item() == pytest.approx(((norms - 1) ** 2).mean().item(), rel=1e-5)


def test_its_gradient_reaches_the_critics_weights() -> None:
    w = nn.Parameter(torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(2)))
    critic = Critic(lambda x: (x * w).sum(dim=(1, 2, 3, 4)))
    GradientPenalty().discriminator(update(critic, REAL, FAKE)).backward()
    norm = w.detach().norm()
    torch.testing.assert_close(w.grad, 2 * (norm - 1) * w.detach() / norm)


def test_it_has_no_term_for_g() -> None:
    assert GradientPenalty().generator(update(Critic(lambda x: x.sum(dim=(1, 2, 3, 4))), REAL, FAKE)) is None


@pytest.mark.parametrize(("dtype", "same"), [(torch.bfloat16, False), (torch.float16, True)])
def test_under_float16_the_penalty_is_float32(dtype: torch.dtype, same: bool) -> None:
    layer = nn.Linear(60, 1)
    critic = Critic(lambda x: layer(x.flatten(1)).squeeze(1) * 3)
    plain = GradientPenalty().discriminator(update(critic, REAL, FAKE))
    with torch.autocast("cpu", dtype):
        mixed = GradientPenalty().discriminator(update(critic, REAL, FAKE))
    assert mixed.dtype == torch.float32
    assert (mixed == plain).item() is same
    assert mixed.item() == pytest.approx(plain.item(), rel=0.05)


@pytest.mark.parametrize(
    ("center", "one_sided"), [(0.0, False), (0.5, False), (0.5, True), (20.0, False), (20.0, True)]
)
def test_centre_and_side_by_hand(center: float, one_sided: bool) -> None:
    """‖w‖ is about 8: above 0.5 and below 20, where only the one-sided penalty is nothing."""
    norm = W.norm().item()
    expected = 0.0 if one_sided and norm < center else (norm - center) ** 2
    regularizer = GradientPenalty(center=center, one_sided=one_sided)
    assert regularizer.discriminator(update(linear(), REAL, FAKE)).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("at", "images"), [("real", REAL), ("fake", FAKE)])
def test_at_reals_or_fakes_themselves(at: str, images: Tensor) -> None:
    penalty = GradientPenalty(at=at, center=0).discriminator(update(quadratic(), REAL, FAKE))
    assert penalty.item() == pytest.approx((images**2).flatten(1).sum(1).mean().item(), rel=1e-5)


class ByLabel(DiscriminatorModule):
    """D(x, y) = y w·x, whose gradient is y w."""

    def forward(self, batch: Batch, features: bool = False) -> DiscriminatorOutput:
        return DiscriminatorOutput(batch.condition["labels"] * (batch.images * W).sum(dim=(1, 2, 3)))


@pytest.mark.parametrize("at", ["interpolates", "real", "fake", "neighbourhood"])
def test_the_points_have_the_labels_of_the_images_they_are_near(at: str) -> None:
    """Fakes their own, all others those of the reals."""
    labels = {"real": torch.tensor([1, 2, 3, 4, 5, 6]), "fake": torch.tensor([7, 0, 9, 3, 1, 8])}
    seen = {
        f"augmented_{kind}": Batch(images, {"labels": labels[kind]})
        for kind, images in (("real", REAL), ("fake", FAKE))
    }
    facts = replace(update(linear(), REAL, FAKE), discriminator=ByLabel(), **seen)
    expected = (labels["fake" if at == "fake" else "real"] ** 2).float().mean() * W.norm() ** 2
    torch.testing.assert_close(GradientPenalty(at=at, center=0).discriminator(facts), expected)


def test_the_neighbourhood_by_hand() -> None:
    """x + α u · ½ std, α one number an image, u one a value: Kodali's published perturbation, and none of the fakes."""
    critic = quadratic()
    GradientPenalty(at="neighbourhood").discriminator(update(critic, REAL, FAKE * float("nan")))
    generator = torch.Generator().manual_seed(1)
    alpha, u = torch.rand(6, 1, 1, 1, generator=generator), torch.rand(REAL.shape, generator=generator)
    std = ((REAL - REAL.mean()) ** 2).mean().sqrt()
    torch.testing.assert_close(critic.seen[-1].detach(), REAL + alpha * (REAL + 0.5 * std * u - REAL))
    GradientPenalty(at="neighbourhood", spread=3.0).discriminator(update(critic, REAL, FAKE))
    torch.testing.assert_close(critic.seen[-1].detach(), REAL + 3 * std * alpha * u)


def test_settings_that_would_be_ignored_are_refused() -> None:
    with pytest.raises(ValueError, match="at=neighbourhood"):
        GradientPenalty(spread=0.1)
    with pytest.raises(ValueError, match="one_sided=false"):
        GradientPenalty(center=0, one_sided=True)
