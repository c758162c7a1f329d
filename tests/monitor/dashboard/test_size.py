"""The size of the event file of a long run at the defaults."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ganlab.monitor import TensorBoard
from ganlab.monitor.dashboard import health, training
from ganlab.training.observer import Histogram, Samples

TAGS = [
    *training.SINGLE,
    *(f"{network}/{name}" for network in ("generator", "discriminator") for name in training.OF_EACH),
    *(f"diagnosis/{name}" for name in health.SINGLE),
    *(f"diagnosis/{network}_{name}" for network in ("generator", "discriminator") for name in health.OF_EACH),
]
LAYERS = 12  # of both networks
KINDS = ("weights", "gradients", "activations")


@pytest.mark.parametrize(("channels", "size", "pictures"), [(1, 32, 41), (3, 64, 4)])
def test_ten_thousand_steps_take_less_than_20_mb(channels: int, size: int, pictures: int, tmp_path: Path) -> None:
    """All charts have a value at each log point, and images are noise, which compresses worst. Of large images some
    pictures are written, and their size is counted as often as there would be pictures."""
    board = TensorBoard(tmp_path, "steps: 10000", histograms=500)
    board.started(0, 10_000)
    for step in range(50, 10_001, 50):
        board.logged(step, {tag: step * (number + 1) / 7 for number, tag in enumerate(TAGS)})
    one = Histogram(tuple(float(edge) / 7 for edge in range(31)), tuple(float(count) for count in range(30)))
    for step in range(0, 10_001, 500):
        board.measured(step, {f"{kind}/generator/{layer}": one for kind in KINDS for layer in range(LAYERS)})
    board.flush()
    (file,) = tmp_path.glob("events*")
    numbers = file.stat().st_size
    images = torch.rand(3, 64, channels, size, size, generator=torch.Generator().manual_seed(0)) * 2 - 1
    kinds = dict(zip(("real", "generator", "average"), images, strict=True))
    for number in range(pictures):
        kinds["generator"], kinds["average"] = kinds["generator"].roll(number, 3), kinds["average"].roll(number, 2)
        board.sampled(250 * number, Samples(dict(kinds)))
    board.closed()
    total = numbers + (file.stat().st_size - numbers) * 41 / pictures
    assert total < 20e6
    print(f"{channels}×{size}×{size}: numbers {numbers / 1e6:.2f} MB, all {total / 1e6:.2f} MB")
