from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from ganlab.networks.base import DiscriminatorModule
from ganlab.regularizers.gradient_penalty import GradientPenalty
from ganlab.types import Batch, Judgement, Update


class Critic(DiscriminatorModule):
    """f applied to images that are judged m at a time."""

    def __init__(self, f, pack: int = 1) -> None:  # type: ignore[no-untyped-def]
        super().__init__()
        self.f, self.pack, self.seen = f, pack, []

    def forward(self, batch: Batch, features: bool = False) -> Judgement:
        self.seen.append(batch.images)
        return Judgement(self.f(batch.images.unflatten(0, (-1, self.pack))))


def update(critic: Critic, real: Tensor, fake: Tensor) -> Update:
    seen_real, seen_fake = Batch(real), Batch(fake)
    before = Batch(torch.full_like(real, 99.0))  # what D did not see: a penalty must not look at it
    return Update(
        generator=None, discriminator=critic, real=before, fake=before, latent=None, codes={},
        seen_real=seen_real, seen_fake=seen_fake, judged_real=critic(seen_real), judged_fake=critic(seen_fake),
        see=lambda batch, view: batch, draw=lambda stream: torch.Generator().manual_seed(1), progress=0.0,
    )  # type: ignore[arg-type]  # fmt: skip


REAL = torch.randn(6, 3, 4, 5, generator=torch.Generator().manual_seed(0))
FAKE = torch.randn(6, 3, 4, 5, generator=torch.Generator().manual_seed(9))


def test_a_linear_critic_pays_its_norm_minus_one_squared() -> None:
    """∇(w·x) = w everywhere, so the penalty is (‖w‖ - 1)², over all of C, H, W together and not averaged over channels."""
    w = torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(2))
    critic = Critic(lambda x: (x * w).sum(dim=(1, 2, 3, 4)))
    penalty = GradientPenalty().discriminator(update(critic, REAL, FAKE))
    assert penalty.item() == pytest.approx((w.norm().item() - 1) ** 2, rel=1e-5)


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


def test_a_quadratic_critic_by_hand() -> None:
    """f(x) = ‖x‖²/2 has ∇f = x, so the penalty is the mean of (‖x̂‖ - 1)²: each image's own norm, whatever its mates."""
    critic = Critic(lambda x: 0.5 * (x**2).sum(dim=(1, 2, 3, 4)))
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
