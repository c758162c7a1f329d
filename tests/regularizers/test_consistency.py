from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from ganlab.regularizers.consistency import Consistency
from tests.regularizers.critics import Critic, quadratic, update

COUNT = 64
# Each pixel says where it was: its row in the first channel, its column in the second.
MAP = torch.stack(torch.meshgrid(torch.arange(6.0), torch.arange(7.0), indexing="ij")).expand(COUNT, -1, -1, -1)


def changed(**settings: object) -> Tensor:
    return Consistency(**settings)._moved(MAP, torch.Generator().manual_seed(0))  # type: ignore[arg-type]


def test_a_shift_moves_each_image_by_its_own_few_pixels_with_edges_repeated() -> None:
    moved = changed(shift=2, flip=False)
    met = set()
    for image in moved:
        # what stands in the middle tells the shift; all the rest follows from it
        down, right = int(image[0, 3, 3]) - 3, int(image[1, 3, 3]) - 3
        met.add((down, right))
        rows, columns = (torch.arange(6) + down).clamp(0, 5).float(), (torch.arange(7) + right).clamp(0, 6).float()
        assert torch.equal(image[0], rows[:, None].expand(6, 7))
        assert torch.equal(image[1], columns[None, :].expand(6, 7))
    assert {down for down, _ in met} == {right for _, right in met} == {-2, -1, 0, 1, 2}


def test_a_flip_mirrors_left_and_right_of_half_of_the_images() -> None:
    mirrored = changed(shift=0, flip=True)
    flipped = [image for image in mirrored if torch.equal(image, MAP[0].flip(2))]
    same = [image for image in mirrored if torch.equal(image, MAP[0])]
    assert len(flipped) + len(same) == COUNT
    assert COUNT / 4 < len(flipped) < 3 * COUNT / 4


def test_a_critic_that_asks_for_a_pixel_pays_what_it_gains_or_loses() -> None:
    """D reads the left column's mean; mirrored images show it the right one's. On reals, then on both."""
    critic = Critic(lambda x: x[:, 0, 0, :, 0].mean(dim=1))
    real = torch.randn(COUNT, 1, 4, 4, generator=torch.Generator().manual_seed(3))
    fake = 3 * real
    facts = update(critic, real, fake)
    regularizer = Consistency(shift=0).discriminator(facts)
    seen = critic.seen[-1]
    by_hand = (seen[:, 0, :, 0].mean(1) - real[:, 0, :, 0].mean(1)).square().mean()
    torch.testing.assert_close(regularizer, by_hand)
    assert regularizer > 0
    only_fakes = Consistency(shift=0, images="both").discriminator(facts) - regularizer
    again = critic.seen[-1][COUNT:]
    torch.testing.assert_close(only_fakes, (again[:, 0, :, 0].mean(1) - fake[:, 0, :, 0].mean(1)).square().mean())


def test_the_gradient_flows_through_both_judgements() -> None:
    """For D(x) = w·x the term is E (w·(x - T(x)))², whose gradient is 2 E (w·(x - T(x))) (x - T(x))."""
    w = nn.Parameter(torch.randn(1, 4, 4, generator=torch.Generator().manual_seed(4)))
    critic = Critic(lambda x: (x * w).sum(dim=(1, 2, 3, 4)))
    real = torch.randn(COUNT, 1, 4, 4, generator=torch.Generator().manual_seed(3))
    Consistency().discriminator(update(critic, real, real)).backward()
    change = real - critic.seen[-1].detach()
    slope = (change * w.detach()).sum(dim=(1, 2, 3), keepdim=True)
    torch.testing.assert_close(w.grad, (2 * slope * change).mean(0))


def test_a_critic_that_does_not_mind_pays_nothing() -> None:
    facts = update(quadratic(), MAP, MAP)
    assert Consistency(shift=0).discriminator(facts).item() == 0  # a mirror image has the same norm
    assert Consistency(shift=3).discriminator(facts).item() > 0


def test_points_of_the_plane_stay_as_they_are() -> None:
    points = torch.randn(8, 2, 1, 1, generator=torch.Generator().manual_seed(0))
    assert torch.equal(Consistency()._moved(points, torch.Generator()), points)


def test_a_change_that_changes_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="shift=4"):
        Consistency(shift=0, flip=False)
