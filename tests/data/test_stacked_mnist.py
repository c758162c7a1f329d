"""Three digits in the three channels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from ganlab.data.stacked_mnist import StackedMNIST
from ganlab.errors import UserError

DIGITS = 30


@pytest.fixture
def small_mnist(tmp_path: Path) -> Path:
    """A folder that torchvision takes for MNIST: image i has brightness i everywhere and shows the digit i mod 10."""
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for part in ("train", "t10k"):
        images = np.arange(DIGITS, dtype=np.uint8).repeat(28 * 28)
        sizes = np.array([0x803, DIGITS, 28, 28], ">i4")
        (raw / f"{part}-images-idx3-ubyte").write_bytes(sizes.tobytes() + images.tobytes())
        labels = (np.arange(DIGITS) % 10).astype(np.uint8)
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(np.array([0x801, DIGITS], ">i4").tobytes() + labels.tobytes())
    return tmp_path


def test_the_class_is_the_number_that_the_digits_make(small_mnist: Path) -> None:
    source = StackedMNIST(root=str(small_mnist), download=False, limit=500)
    source.check()
    opened = source.open()
    assert opened.images.shape == (500, *source.image_shape) == (500, 3, 28, 28)
    assert opened.images.dtype == torch.uint8
    assert opened.labels is not None
    assert (source.class_count, len(opened.classes), opened.classes[42]) == (1000, 1000, "042")
    brightness = opened.images[:, :, 0, 0]
    assert torch.equal(opened.images, brightness[:, :, None, None].expand(-1, -1, 28, 28))
    for (red, green, blue), label in zip((brightness % 10).tolist(), opened.labels.tolist(), strict=True):
        assert label == int(f"{red}{green}{blue}")


def test_channels_are_drawn_on_their_own_and_alike(small_mnist: Path) -> None:
    which = StackedMNIST(root=str(small_mnist), download=False, limit=9000).open().images[:, :, 0, 0].double()
    assert which.unique().tolist() == list(range(DIGITS))
    for channel in which.T:  # each image is drawn 300 ± 17 times
        assert (torch.bincount(channel.long()) - 300).abs().max() < 5 * 17
    correlation = torch.corrcoef(which.T) - torch.eye(3)
    assert correlation.abs().max() < 5 / 9000**0.5


def test_the_triples_are_the_same_in_every_run(small_mnist: Path) -> None:
    more, again, fewer = (StackedMNIST(str(small_mnist), False, None, limit).open() for limit in (300, 300, 100))
    assert torch.equal(more.images, again.images)
    assert torch.equal(more.images[:100], fewer.images)
    assert not torch.equal(more.images[:100], more.images[100:200])


def test_size(small_mnist: Path) -> None:
    source = StackedMNIST(root=str(small_mnist), download=False, size=(16, 20), limit=7)
    assert source.open().images.shape == (7, *source.image_shape) == (7, 3, 16, 20)


def test_what_is_missing_is_mnist(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no MNIST there"):
        StackedMNIST(root=str(tmp_path), download=False).check()


def test_real_digits_fill_all_thousand_modes(mnist_root: Path) -> None:
    opened = StackedMNIST(root=str(mnist_root), download=False, limit=20_000).open()
    assert opened.labels is not None
    counts = torch.bincount(opened.labels, minlength=1000)
    assert counts.min() > 0
    assert opened.images.float().mean().item() / 255 == pytest.approx(0.1307, abs=1e-3)
