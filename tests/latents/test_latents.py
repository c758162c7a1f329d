"""Moments and supports, against the distributions' own formulas."""

from __future__ import annotations

import math

import pytest
import torch

from ganlab.latents import LATENTS
from ganlab.latents.normal import NormalLatent
from ganlab.latents.sphere import SphereLatent
from ganlab.latents.uniform import UniformLatent

COUNT = 20_000


def draw(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("kind", LATENTS.values(), ids=list(LATENTS))
def test_latents_have_their_shape_and_follow_from_the_generator(kind: type) -> None:
    latent = kind(dim=7)
    drawn = latent.draw(5, draw())
    assert drawn.shape == (5, 7)
    assert torch.equal(drawn, latent.draw(5, draw()))
    assert not torch.equal(drawn, latent.draw(5, draw(1)))
    assert torch.equal(drawn, latent.sample(5, draw()))  # nothing is truncated unless told


def moments(values: torch.Tensor) -> list[float]:
    return [(values**power).mean().item() for power in (1, 2, 4)]


def test_normal_moments() -> None:
    assert moments(NormalLatent(dim=10).draw(COUNT, draw())) == pytest.approx([0, 1, 3], abs=0.06)


def test_uniform_moments_and_support() -> None:
    drawn = UniformLatent(dim=10).draw(COUNT, draw())
    assert moments(drawn) == pytest.approx([0, 1 / 3, 1 / 5], abs=0.005)
    assert -1 <= drawn.min() < -0.999
    assert 0.999 < drawn.max() <= 1


def test_the_sphere_has_one_radius_and_no_direction() -> None:
    drawn = SphereLatent(dim=3).draw(COUNT, draw())
    torch.testing.assert_close(drawn.norm(dim=1), torch.full((COUNT,), math.sqrt(3)))
    torch.testing.assert_close(drawn.T.cov(), torch.eye(3), atol=0.03, rtol=0)
    # on a sphere in three dimensions each coordinate is uniform (Archimedes); a normalised cube would not be
    assert moments(drawn[:, 0] / math.sqrt(3)) == pytest.approx([0, 1 / 3, 1 / 5], abs=0.01)


@pytest.mark.parametrize("truncation", [0.1, 1.0, 2.0])
def test_truncation_is_the_normal_with_what_is_beyond_drawn_again(truncation: float) -> None:
    latent = NormalLatent(dim=10, truncation=truncation)
    drawn = latent.sample(COUNT, draw())
    assert drawn.abs().max() <= truncation
    assert drawn.abs().max() > 0.99 * truncation
    kept = torch.randn(3_000_000, generator=draw(1))
    kept = kept[kept.abs() <= truncation]  # what rejection leaves
    shares = torch.tensor([0.05, 0.25, 0.5, 0.75, 0.95])
    torch.testing.assert_close(drawn.flatten().quantile(shares), kept.quantile(shares), atol=0.015 * truncation, rtol=0)
    assert (drawn.abs() == truncation).float().mean() < 1e-3  # drawn again, not clipped


def test_truncation_changes_no_training() -> None:
    assert torch.equal(NormalLatent(dim=5, truncation=0.1).draw(9, draw()), NormalLatent(dim=5).draw(9, draw()))


def test_a_wide_truncation_cuts_nothing() -> None:
    drawn = NormalLatent(dim=10, truncation=50.0).sample(COUNT, draw())
    assert torch.isfinite(drawn).all()
    assert moments(drawn) == pytest.approx([0, 1, 3], abs=0.06)


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 1.0])
def test_between_normal_latents_lies_an_arc(share: float) -> None:
    """In the plane, where it can be drawn: from angle 0 to 90 degrees at length 2, and from there to length 4."""
    start, end = torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 2.0]])
    angle = torch.tensor(share * torch.pi / 2)
    expected = 2 * torch.stack([angle.cos(), angle.sin()])[None]
    for latent in (NormalLatent(dim=2), SphereLatent(dim=2)):
        torch.testing.assert_close(latent.interpolate(start, end, share), expected)
    long = NormalLatent(dim=2).interpolate(start, 2 * end, share)
    torch.testing.assert_close(long, expected * torch.tensor([1.0, 2.0]))


def test_where_there_is_no_arc_the_line_is_taken() -> None:
    start = torch.tensor([[1.0, 2.0], [1.0, 2.0], [1.0, 2.0]])
    end = torch.tensor([[2.0, 4.0], [1.0, 2.0], [-1.0, -2.0]])
    found = NormalLatent(dim=2).interpolate(start, end, 0.25)
    torch.testing.assert_close(found, 0.75 * start + 0.25 * end)
    assert found.isfinite().all()
    assert torch.equal(UniformLatent(dim=2).interpolate(start, end, 0.5), (start + end) / 2)
