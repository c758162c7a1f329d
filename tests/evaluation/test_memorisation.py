from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ganlab.errors import UserError
from ganlab.evaluation import arithmetic
from ganlab.evaluation.memorisation import closer_share, memorised_share, nearest_real


def normal(count: int, dim: int, seed: int) -> Tensor:
    return torch.randn(count, dim, generator=torch.Generator().manual_seed(seed))


def even(count: int, dim: int, seed: int) -> Tensor:
    return torch.rand(count, dim, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("tile", [7, 2048])
def test_the_nearest_real_of_each_fake(tile: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arithmetic, "TILE", tile)
    real, fake = normal(50, 4, 1) + 100, normal(20, 4, 2) + 100
    fake[3] = real[41]
    exact = (fake.double()[:, None] - real.double()[None]).square().sum(2).sqrt()
    indices, distances = nearest_real(fake, real)
    torch.testing.assert_close(indices, exact.argmin(1))
    torch.testing.assert_close(distances, exact.min(1).values)
    assert (indices[3].item(), distances[3].item()) == (41, 0)


def test_the_ratio_by_hand() -> None:
    """Between 0 and 8: 2 is a third as far from 0 as from 8, 2.1 more; 7 and 8 are near the second."""
    real, fake = torch.tensor([[0.0], [8.0], [100.0]]), torch.tensor([[2.0], [2.1], [7.0], [8.0], [54.0]])
    assert memorised_share(fake, real, ratio=0.3) == 2 / 5
    assert memorised_share(fake, real, ratio=0.34) == 3 / 5
    assert memorised_share(fake, real, ratio=0) == 1 / 5


def test_copies_are_memorised_also_of_images_that_are_there_twice() -> None:
    real = normal(100, 12, 1) + 50
    twice = torch.cat([real, real[:30]])
    fake = torch.cat([real[:40], normal(60, 12, 2) + 50])
    for training in (real, twice):
        assert memorised_share(fake, training) == pytest.approx(0.4, abs=0.02)
        assert closer_share(real[:40], training) == 1


def test_copies_with_a_little_noise_are_memorised() -> None:
    real = normal(500, 12, 1)
    assert memorised_share(real[:200] + 0.01 * normal(200, 12, 2), real) == 1
    assert closer_share(real[:200] + 0.01 * normal(200, 12, 2), real) == 1


@pytest.mark.parametrize(("dim", "ratio"), [(1, 1 / 3), (2, 1 / 3), (3, 1 / 3), (2, 1 / 2)])
def test_held_out_images_have_the_share_that_the_dimension_gives(dim: int, ratio: float) -> None:
    share = memorised_share(even(4000, dim, 1), even(2000, dim, 2), ratio)
    assert share == pytest.approx(ratio**dim, abs=3 * (ratio**dim / 2000) ** 0.5)


@pytest.mark.parametrize("dim", [1, 3, 20])
@pytest.mark.parametrize("quantile", [0.05, 0.5])
def test_held_out_images_have_the_share_of_the_quantile(dim: int, quantile: float) -> None:
    share = closer_share(normal(2000, dim, 1), normal(2000, dim, 2), quantile)
    assert share == pytest.approx(quantile, abs=0.05 * quantile**0.5)


def test_the_quantile_by_hand() -> None:
    """Reals 0, 1, 3, 7, 15 are 1, 1, 2, 4 and 8 from their neighbours: the median is 2, the smallest 1."""
    real = torch.tensor([0.0, 1.0, 3.0, 7.0, 15.0])[:, None]
    fake = torch.tensor([-1.0, 5.0, 9.5, 11.0])[:, None]
    assert closer_share(fake, real, quantile=0.5) == 2 / 4
    assert closer_share(fake, real, quantile=0.49) == 1 / 4
    assert closer_share(fake, real, quantile=1) == 1


def test_many_dimensions_leave_no_held_out_image_memorised() -> None:
    assert memorised_share(normal(300, 32, 1), normal(1000, 32, 2)) == 0


def test_an_average_image_is_close_to_all_and_a_copy_of_none() -> None:
    """Why the share is not that of a fixed threshold: in many dimensions the middle is nearer to each sample than they
    are to each other."""
    real, blurred = normal(500, 64, 1), 0.1 * normal(100, 64, 2)
    assert memorised_share(blurred, real) == 0
    assert closer_share(blurred, real) > 0.9


def test_what_cannot_be_compared() -> None:
    with pytest.raises(UserError, match="at least 2 of the real images; there are 1"):
        memorised_share(normal(5, 3, 1), normal(1, 3, 2))
    with pytest.raises(UserError, match="at least 1 of the generated images; there are 0"):
        nearest_real(torch.ones(0, 3), normal(5, 3, 2))
    with pytest.raises(UserError, match="different extractors"):
        closer_share(normal(5, 3, 1), normal(5, 4, 2))
