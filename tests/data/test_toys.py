from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from ganlab.data import ImageSet
from ganlab.data.feed import Feed
from ganlab.data.toys import Grid, Ring, SwissRoll


def flat(opened: ImageSet) -> Tensor:
    """The points (N, 2)."""
    return torch.from_numpy(opened.images).flatten(1)


@pytest.mark.parametrize("source", [Ring(), Grid(), SwissRoll(), Ring(radius=0.4, std=0.1), Grid(extent=0.94)])
def test_points_are_images_within_the_reach_of_tanh(source: Ring | Grid | SwissRoll) -> None:
    opened = source.open()
    assert opened.image_shape == source.image_shape == (2, 1, 1)
    assert len(opened) == 100_000
    assert opened.images.dtype == np.float32
    assert abs(opened.images).max() < 1


def test_a_ring_by_hand() -> None:
    corner = 0.8 * math.sqrt(0.5)
    expected = [(0.8, 0), (corner, corner), (0, 0.8), (-corner, corner), (-0.8, 0), (-corner, -corner), (0, -0.8), (corner, -corner)]  # fmt: skip
    torch.testing.assert_close(Ring().centres, torch.tensor(expected), atol=1e-6, rtol=0)
    assert Ring(modes=3, radius=0.5).centres[1].tolist() == pytest.approx([-0.25, 0.25 * math.sqrt(3)])


def test_a_grid_by_hand() -> None:
    line = (-0.8, -0.4, 0, 0.4, 0.8)
    torch.testing.assert_close(Grid().centres, torch.tensor([(x, y) for y in line for x in line]))
    assert Grid(side=2, extent=0.5).centres.tolist() == [[-0.5, -0.5], [0.5, -0.5], [-0.5, 0.5], [0.5, 0.5]]


@pytest.mark.parametrize(
    ("source", "modes", "std"), [(Ring(), 8, 0.008), (Grid(), 25, 0.01), (Ring(modes=5, std=0.02), 5, 0.02)]
)
def test_each_mode_is_a_gaussian_of_its_own_label(source: Ring | Grid, modes: int, std: float) -> None:
    opened = source.open()
    assert opened.labels is not None
    points, labels = flat(opened), torch.from_numpy(opened.labels)
    assert source.class_count == modes == len(opened.classes)
    # the nearest centre is the label, and all modes have as many points
    assert torch.equal(torch.cdist(points, source.centres).argmin(1), labels)
    assert torch.bincount(labels).tolist() == [100_000 // modes] * modes
    for mode, centre in enumerate(source.centres):
        own = points[labels == mode]
        error = std / math.sqrt(len(own))  # of a mean; of a deviation it is 1 / √2 of that
        assert (own.mean(0) - centre).abs().max() < 5 * error
        assert (own.std(0) - std).abs().max() < 5 * error
        assert abs(torch.corrcoef(own.T)[0, 1]) < 5 / math.sqrt(len(own))


def test_modes_beyond_the_reach_of_tanh_are_refused_and_not_clipped() -> None:
    for kind, settings in ((Ring, {"radius": 0.96}), (Grid, {"std": 0.04}), (SwissRoll, {"noise": 0.02})):
        with pytest.raises(ValueError, match="type a smaller"):
            kind(**settings)


def test_the_swiss_roll_is_scikit_learns() -> None:
    from sklearn.datasets import make_swiss_roll

    ours = flat(SwissRoll(noise=1e-9).open())
    theirs = torch.from_numpy(make_swiss_roll(20_000, random_state=0)[0][:, [0, 2]]).float() / (5 * math.pi)
    # each point of theirs has one of ours beside it, and the distributions agree: moments up to the second
    assert torch.cdist(theirs[:2000], ours).min(1).values.max() < 2e-3
    torch.testing.assert_close(ours.mean(0), theirs.mean(0), atol=0.015, rtol=0)
    torch.testing.assert_close(ours.T.cov(), theirs.T.cov(), atol=0.005, rtol=0)


def test_noise_spreads_the_swiss_roll() -> None:
    """About the true curve, drawn densely: the distance across is |noise|, with its median at 0.6745 σ."""
    t = torch.linspace(1.5 * math.pi, 4.5 * math.pi, 5000)
    curve = torch.stack([t * t.cos(), t * t.sin()], 1) / (5 * math.pi)
    points = flat(SwissRoll(limit=5000).open())
    assert torch.cdist(points, curve).min(1).values.median().item() == pytest.approx(0.6745 * 0.016, rel=0.06)
    assert SwissRoll().class_count == 0
    assert SwissRoll(limit=5).open().labels is None


def test_a_toy_is_the_same_at_every_opening_and_passes_the_feed_unchanged() -> None:
    first, second = Ring(limit=50).open().images, Ring(limit=50).open().images
    np.testing.assert_array_equal(first, second)
    fed = Feed(Ring(limit=50).open(), 50, 3, torch.device("cpu")).next().images
    assert torch.equal(fed.flatten(1).sort(0).values, flat(Ring(limit=50).open()).sort(0).values)
