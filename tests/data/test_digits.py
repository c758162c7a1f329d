from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from ganlab.data.digits import Digits
from ganlab.errors import UserError


def test_digits_are_the_real_scans() -> None:
    opened = Digits().open()
    assert opened.images.shape == (1797, 32, 32, 1)
    assert opened.images.dtype == np.uint8
    assert opened.labels is not None
    assert np.bincount(opened.labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert opened.classes == tuple("0123456789")
    native = Digits(size=None).open().images
    from sklearn.datasets import load_digits

    np.testing.assert_allclose(native[..., 0], load_digits().images * 255 / 16, atol=0.5)


def test_growing_is_bilinear() -> None:
    """As PyTorch interpolates, to the nearest of 256 levels."""
    import torch

    native = torch.from_numpy(np.array(Digits(size=None).open().images[:50])).permute(0, 3, 1, 2).float()
    grown = torch.nn.functional.interpolate(native, (32, 32), mode="bilinear")
    np.testing.assert_allclose(Digits().open().images[:50, ..., 0], grown[:, 0].numpy(), atol=1.01)


def test_size_and_limit() -> None:
    assert Digits(size=(16, 24), limit=5).open().images.shape == (5, 16, 24, 1)
    assert Digits(size=(16, 24)).image_shape == (1, 16, 24)
    with pytest.raises(UserError, match="1,797"):
        Digits(limit=2000).open()


def test_classes_are_chosen_and_numbered_as_they_were_named() -> None:
    everything, chosen = Digits(size=None).open(), Digits(size=None, classes=(8, "3")).open()
    assert chosen.classes == ("8", "3")
    assert Digits(classes=(8, "3")).class_count == 2
    assert everything.labels is not None
    assert chosen.labels is not None
    for number, digit in enumerate((8, 3)):
        expected = everything.images[everything.labels == digit]
        np.testing.assert_array_equal(chosen.images[chosen.labels == number], expected)


def test_neither_pytorch_nor_torchvision_is_imported_to_read_images() -> None:
    """What decodes images in other processes must start in a moment."""
    code = "import sys; from ganlab.data.digits import Digits; import ganlab.commands.data; Digits().open(); sys.exit(bool({'torch', 'torchvision', 'datasets', 'matplotlib'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_torchvision_stays_off_the_default_path() -> None:
    """Its import takes a second, and the bundled data does without it."""
    code = "import sys; from ganlab.config import configure; from ganlab.data.digits import Digits; configure({}); Digits().open(); sys.exit('torchvision' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
