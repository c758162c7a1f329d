"""Three digits in the three channels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ganlab import random_streams
from ganlab.config.compose import config_folder
from ganlab.data.stacked import StackedDigits, StackedMNIST
from ganlab.errors import UserError
from tests.data.test_torchvision_sets import original

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
    assert source.image_shape == opened.image_shape == (3, 28, 28)
    assert opened.images.shape == (500, 28, 28, 3)
    assert opened.images.dtype == np.uint8
    assert opened.labels is not None
    assert (source.class_count, len(opened.classes), opened.classes[42]) == (1000, 1000, "042")
    brightness = opened.images[:, 0, 0]
    np.testing.assert_array_equal(opened.images, np.broadcast_to(brightness[:, None, None], opened.images.shape))
    for (red, green, blue), label in zip((brightness % 10).tolist(), opened.labels.tolist(), strict=True):
        assert label == int(f"{red}{green}{blue}")


def test_channels_are_drawn_on_their_own_and_alike(small_mnist: Path) -> None:
    which = StackedMNIST(root=str(small_mnist), download=False, limit=9000).open().images[:, 0, 0].astype(float)
    assert np.unique(which).tolist() == list(range(DIGITS))
    for channel in which.T:  # each image is drawn 300 ± 17 times
        assert np.abs(np.bincount(channel.astype(int)) - 300).max() < 5 * 17
    correlation = np.corrcoef(which.T) - np.eye(3)
    assert np.abs(correlation).max() < 5 / 9000**0.5


def test_the_triples_are_the_same_in_every_run(small_mnist: Path) -> None:
    first = StackedMNIST(root=str(small_mnist), download=False, limit=300)
    more, again, fewer = (
        source.open(small_mnist / cache).images
        for source, cache in ((first, "one"), (first, "another"), (replace(first, limit=100), "one"))
    )
    np.testing.assert_array_equal(more, again)
    np.testing.assert_array_equal(more[:100], fewer)
    assert not np.array_equal(more[:100], more[100:200])
    drawn = torch.randint(DIGITS, (300, 3), generator=random_streams.generator(0, "data/triples"))
    np.testing.assert_array_equal(more[:, 0, 0], drawn.numpy())


def test_size(small_mnist: Path) -> None:
    source = StackedMNIST(root=str(small_mnist), download=False, size=(16, 20), limit=7)
    assert source.open().image_shape == source.image_shape == (3, 16, 20)


def test_classes_are_chosen_from_the_triples_drawn_and_some_held_out(small_mnist: Path) -> None:
    everything = StackedMNIST(root=str(small_mnist), download=False, limit=5000).open()
    source = StackedMNIST(root=str(small_mnist), download=False, limit=5000, classes=(321, "042"))
    some = source.open()
    assert everything.labels is not None
    assert some.labels is not None
    assert (source.class_count, some.classes) == (2, ("321", "042"))
    chosen = np.isin(everything.labels, [42, 321])
    np.testing.assert_array_equal(some.images, everything.images[chosen])
    np.testing.assert_array_equal(some.labels, (everything.labels[chosen] == 42).astype(int))
    held = StackedMNIST(root=str(small_mnist), download=False, limit=5000, held_out=0.1).open()
    assert (len(held), len(held.held_out)) == (4500, 500)
    np.testing.assert_array_equal(held.images, everything.images)


def test_what_is_missing_is_mnist(tmp_path: Path) -> None:
    for ask in (StackedMNIST.check, StackedMNIST.open):
        with pytest.raises(UserError, match="no MNIST there"):
            ask(StackedMNIST(root=str(tmp_path), download=False))


def test_real_digits_fill_all_thousand_modes(mnist_root: Path) -> None:
    opened = StackedMNIST(root=str(mnist_root), download=False, limit=20_000).open()
    assert opened.labels is not None
    assert np.bincount(opened.labels, minlength=1000).min() > 0
    images, labels = original("train")
    which = torch.randint(60_000, (20_000, 3), generator=random_streams.generator(0, "data/triples")).numpy()
    for channel, worth in enumerate((100, 10, 1)):
        np.testing.assert_array_equal(opened.images[..., channel], images[which[:, channel]])
        np.testing.assert_array_equal(opened.labels // worth % 10, labels[which[:, channel]])


def test_the_option_has_the_defaults() -> None:
    assert "limit: 128000 #" in (config_folder() / "data" / "stacked_mnist.yaml").read_text()
    assert (StackedMNIST().limit, StackedMNIST().image_shape) == (128_000, (3, 28, 28))


def test_bundled_digits_are_stacked_too() -> None:
    from ganlab.data.digits import Digits

    single, stacked = Digits(size=16).open(), StackedDigits(size=16, limit=50).open()
    assert stacked.images.shape == (50, 16, 16, 3)
    assert stacked.labels is not None
    assert single.labels is not None
    known = {image.tobytes(): label for image, label in zip(single.images, single.labels, strict=True)}
    for image, label in zip(stacked.images, stacked.labels, strict=True):
        digits = [known[np.ascontiguousarray(image[..., channel]).tobytes()] for channel in range(3)]
        assert label == 100 * digits[0] + 10 * digits[1] + digits[2]
