from __future__ import annotations

import math

import pytest
import torch

from ganlab.errors import UserError
from ganlab.evaluation.modes import modes_of_labels, modes_of_points, reverse_kl

CENTRES = torch.tensor([[0.0, 0.0], [50.0, 0.0], [0.0, 50.0]])


def test_good_samples_are_within_three_standard_deviations_of_their_centre() -> None:
    """(9, 12) is 15 away from the origin, which is 3 std; (10, 12) is further, though not in any one direction."""
    points = torch.tensor([[9.0, 12.0], [10.0, 12.0], [0.0, 0.0], [50.0, 5.0], [25.0, 25.0], [0.0, 65.5]])
    modes = modes_of_points(points, CENTRES, std=5)
    assert (modes.found, modes.good_share, modes.counts.tolist()) == (2, 3 / 6, [2, 1, 0])
    assert modes_of_points(points, CENTRES, std=5.3).counts.tolist() == [3, 1, 1]


def test_a_sample_within_reach_of_two_centres_belongs_to_the_nearer() -> None:
    centres = torch.tensor([[0.0, 0.0], [1.0, 0.0]])
    modes = modes_of_points(torch.tensor([[0.6, 0.0], [0.7, 0.0]]), centres, std=1.0)
    assert (modes.found, modes.good_share, modes.counts.tolist()) == (1, 1, [0, 2])


def test_samples_of_the_mixture_itself() -> None:
    """Within three standard deviations of the plane lie 1 - exp(-9/2) of them."""
    rng = torch.Generator().manual_seed(1)
    ring = torch.tensor([[math.cos(i * math.pi / 4), math.sin(i * math.pi / 4)] for i in range(8)])
    points = ring.repeat(2500, 1) + 0.01 * torch.randn(20_000, 2, generator=rng)
    modes = modes_of_points(points, ring, std=0.01)
    assert modes.found == 8
    assert modes.good_share == pytest.approx(1 - math.exp(-4.5), abs=0.002)
    assert modes.counts.sum() == round(modes.good_share * 20_000)


def test_a_generator_that_diverged_finds_nothing() -> None:
    points = torch.tensor([[torch.nan, 0.0], [torch.inf, 0.0], [1e30, -torch.inf]])
    modes = modes_of_points(points, CENTRES, std=1.0)
    assert (modes.found, modes.good_share, modes.counts.tolist()) == (0, 0, [0, 0, 0])


def test_labels_by_hand() -> None:
    modes = modes_of_labels(torch.tensor([0, 0, 3, 1]), classes=5)
    assert (modes.found, modes.counts.tolist()) == (3, [2, 1, 0, 1, 0])
    assert modes.entropy == pytest.approx(1.5 * math.log(2), rel=1e-12)
    assert modes.reverse_kl == pytest.approx(math.log(5) - 1.5 * math.log(2), rel=1e-12)


def test_all_of_a_thousand_classes_and_one_of_them() -> None:
    every = modes_of_labels(torch.arange(1000).repeat(26), classes=1000)
    assert (every.found, every.entropy) == (1000, pytest.approx(math.log(1000)))
    assert every.reverse_kl == pytest.approx(0, abs=1e-12)
    one = modes_of_labels(torch.full((26_000,), 7), classes=1000)
    assert (one.found, one.entropy, one.reverse_kl) == (1, 0, pytest.approx(math.log(1000)))


def test_the_reference_is_the_datas_counts() -> None:
    """KL((1/2, 1/2) ‖ (3/4, 1/4)), the generated first; (3/4, 1/4) itself is at 0."""
    reference = torch.tensor([300, 100])
    even = modes_of_labels(torch.tensor([0, 1]), 2, reference)
    assert even.reverse_kl == pytest.approx(0.5 * math.log(2 / 3) + 0.5 * math.log(2), rel=1e-12)
    assert modes_of_labels(torch.tensor([0, 1, 0, 0]), 2, reference).reverse_kl == 0
    assert modes_of_labels(torch.tensor([1]), 2, torch.tensor([1, 0])).reverse_kl == math.inf
    assert modes_of_labels(torch.tensor([0]), 2, torch.tensor([1, 0])).reverse_kl == 0


def test_reverse_kl_of_counts() -> None:
    assert reverse_kl(torch.tensor([8, 0])) == pytest.approx(math.log(2))
    assert reverse_kl(torch.tensor([2, 6]), torch.tensor([1.0, 3.0])) == 0


def test_what_has_no_modes() -> None:
    with pytest.raises(UserError, match="no samples"):
        modes_of_points(torch.ones(0, 2), CENTRES, std=1.0)
    with pytest.raises(UserError, match="no samples"):
        modes_of_labels(torch.ones(0, dtype=torch.int64), 3)
    with pytest.raises(UserError, match="from 0 to 3, but there are 3 classes"):
        modes_of_labels(torch.tensor([0, 3]), 3)
    with pytest.raises(ValueError, match=r"\(n, 2\)"):
        modes_of_points(torch.ones(4), CENTRES, std=1.0)
    with pytest.raises(ValueError, match="not all of them 0"):
        reverse_kl(torch.tensor([1, 2]), torch.tensor([1, 2, 3]))
