from __future__ import annotations

import pytest
import torch

from ganlab.losses import Targets
from ganlab.losses.bce import BCE

COUNT = 4000


def draw(stream: str) -> torch.Generator:
    return torch.Generator().manual_seed(sum(map(ord, stream)))


def test_without_randomness_they_are_numbers() -> None:
    pair = Targets(real=0.9, fake=0.1).draw(5, draw)
    assert (pair.real, pair.fake) == (0.9, 0.1)


def test_noise_is_uniform_around_each_target_and_ends_at_probabilities() -> None:
    pair = Targets(real=0.7, fake=0.1, noise=0.2).draw(COUNT, draw)
    real, fake = pair.real, pair.fake
    assert real.shape == fake.shape == (COUNT,)
    assert real.min() >= 0.5
    assert real.max() <= 0.9
    assert real.mean().item() == pytest.approx(0.7, abs=0.01)
    assert real.std().item() == pytest.approx(0.4 / 12**0.5, rel=0.05)  # of a uniform distribution
    # fakes would reach from -0.1 to 0.3: a quarter of them lies at 0
    assert fake.min() == 0
    assert fake.max() <= 0.3
    assert (fake == 0).float().mean().item() == pytest.approx(0.25, abs=0.03)
    hard = Targets(noise=0.2).draw(COUNT, draw).real
    assert (hard == 1).float().mean().item() == pytest.approx(0.5, abs=0.03)
    assert hard.max() == 1
    assert abs(torch.corrcoef(torch.stack([real, fake]))[0, 1]) < 0.05


def test_flips_swap_a_share_of_the_judged_samples() -> None:
    pair = Targets(real=0.9, fake=0.2, flip=0.1).draw(COUNT, draw)
    for values, own, other in ((pair.real, 0.9, 0.2), (pair.fake, 0.2, 0.9)):
        flipped = torch.isclose(values, torch.tensor(other))
        assert (flipped | torch.isclose(values, torch.tensor(own))).all()
        assert flipped.float().mean().item() == pytest.approx(0.1, abs=0.02)
    both = torch.isclose(pair.real, torch.tensor(0.2)) & torch.isclose(pair.fake, torch.tensor(0.9))
    assert both.float().mean().item() == pytest.approx(0.01, abs=0.01)  # drawn apart


def test_always_flipped_is_the_opposite() -> None:
    pair = Targets(flip=1.0).draw(3, draw)
    assert (pair.real.tolist(), pair.fake.tolist()) == ([0, 0, 0], [1, 1, 1])


def test_noise_goes_on_top_of_flips() -> None:
    pair = Targets(real=1.0, fake=0.0, flip=1.0, noise=0.1).draw(COUNT, draw)
    assert pair.real.max() <= 0.1
    assert pair.fake.min() >= 0.9


def test_the_draws_come_from_streams_of_the_targets() -> None:
    asked: list[str] = []

    def spy(stream: str) -> torch.Generator:
        asked.append(stream)
        return draw(stream)

    Targets(noise=0.1, flip=0.1).draw(4, spy)
    assert asked == ["targets/flip", "targets/noise"]


@pytest.mark.parametrize("settings", [Targets(noise=0.3), Targets(flip=0.5)])
def test_a_loss_takes_them(settings: Targets) -> None:
    pair = settings.draw(3, draw)
    logits = torch.tensor([2.0, -1.0, 0.5])
    halves = [
        torch.nn.functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
        for target in (pair.real, pair.fake)
    ]
    torch.testing.assert_close(BCE().discriminator(logits, logits, pair), halves[0] + halves[1])
