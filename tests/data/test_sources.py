from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganlab.data.digits import Digits
from ganlab.data.image_folder import ImageFolder
from ganlab.data.source import resize
from ganlab.data.stacked_mnist import StackedMNIST
from ganlab.data.torchvision_sets import CIFAR10, MNIST, STL10
from ganlab.errors import UserError


def test_digits_are_the_real_scans() -> None:
    opened = Digits().open()
    assert opened.images.shape == (1797, 1, 32, 32)
    assert opened.images.dtype == torch.uint8
    assert torch.bincount(opened.labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert opened.classes == tuple("0123456789")
    native = Digits(size=None).open().images
    from sklearn.datasets import load_digits

    np.testing.assert_allclose(native[:, 0].numpy(), load_digits().images * 255 / 16, atol=0.5)


def test_limit_and_size() -> None:
    assert Digits(size=(16, 24), limit=5).open().images.shape == (5, 1, 16, 24)
    assert Digits(size=(16, 24)).image_shape == (1, 16, 24)
    with pytest.raises(UserError, match="1,797"):
        Digits(limit=2000).open()


def test_shrinking_is_antialiased() -> None:
    """A one-pixel checkerboard becomes grey; without antialiasing it would stay black or white."""
    board = ((torch.arange(64)[:, None] + torch.arange(64)) % 2 * 255).to(torch.uint8).expand(1, 1, 64, 64)
    small = resize(board, (16, 16)).float()
    assert (small - 127.5).abs().max() < 10


def test_mnist_is_the_original(mnist_root: Path) -> None:
    source = MNIST(root=str(mnist_root), download=False)
    source.check()
    opened = source.open()
    assert opened.images.shape == (60000, 1, 28, 28)
    assert opened.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert opened.images.float().mean().item() / 255 == pytest.approx(0.1307, abs=1e-4)  # the figure everybody quotes
    assert MNIST(root=str(mnist_root), download=False, size=32, limit=10).open().images.shape == (10, 1, 32, 32)


@pytest.mark.parametrize("kind", [MNIST, CIFAR10, STL10, StackedMNIST])
def test_a_data_set_that_is_not_there(tmp_path: Path, kind: type) -> None:
    with pytest.raises(UserError, match=r"data\.download=true"):
        kind(root=str(tmp_path), download=False).check()
    with pytest.raises(UserError, match=r"data\.root"):
        kind(root=str(tmp_path), download=False).open()


def test_cifar_images_become_channels_first() -> None:
    class Reader:
        data = np.arange(2 * 32 * 32 * 3, dtype=np.uint32).reshape(2, 32, 32, 3).astype(np.uint8)

    images = CIFAR10().tensor(Reader)
    assert images.shape == (2, 3, 32, 32)
    assert images[1, 2, 3, 4] == Reader.data[1, 3, 4, 2]


# ------------------------------------------------------------------------------------------------------- image folders


def save(path: Path, image: Image.Image, **options: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One of each kind that people have in their folders, all of them red where they have a colour."""
    root = tmp_path / "images"
    red = Image.new("RGB", (40, 30), (255, 0, 0))
    save(root / "a" / "plain.jpg", red, quality=95)
    save(root / "a" / "deep" / "er" / "palette.png", red.quantize(4))
    save(root / "a" / "grey.png", Image.new("L", (40, 30), 76))
    save(root / "b" / "alpha.png", Image.new("RGBA", (40, 30), (255, 0, 0, 0)))
    save(root / "b" / "sixteen.png", Image.fromarray(np.full((30, 40), 65535, np.uint16)))
    save(root / "b" / "web.WEBP", red, format="WEBP", lossless=True)
    save(root / "b" / "cmyk.jpeg", red.convert("CMYK"))
    (root / "b" / "notes.txt").write_text("not an image")
    return root


def test_every_kind_of_image_is_read(folder: Path) -> None:
    opened = ImageFolder(root=str(folder), size=16).open()
    assert opened.images.shape == (7, 3, 16, 16)
    assert opened.classes == ("a", "b")
    assert opened.labels.tolist() == [0, 0, 0, 1, 1, 1, 1]
    assert opened.notes == ()
    means = dict(zip(sorted(p.name for p in folder.rglob("*.*") if p.suffix != ".txt"), range(7), strict=True))
    assert len(means) == 7
    colours = {tuple(image.float().mean((1, 2)).round().int().tolist()) for image in opened.images}
    assert (255, 255, 255) in colours  # transparent on white, and 16 bits at full scale
    assert (76, 76, 76) in colours
    assert any(abs(r - 254) <= 2 and g <= 2 and b <= 2 for r, g, b in colours)


def test_settings_of_an_image_folder(folder: Path) -> None:
    assert ImageFolder(root=str(folder), size=(16, 20), color="grey").open().images.shape == (7, 1, 16, 20)
    black = ImageFolder(root=str(folder / "b"), size=16, background="black").open()
    assert black.images[0].max() == 0
    assert black.labels is None  # no folders under it: no classes


def test_crop_keeps_proportions_and_stretch_keeps_everything(tmp_path: Path) -> None:
    image = Image.new("L", (60, 20), 0)
    image.paste(255, (0, 0, 20, 20))  # the left third is white
    save(tmp_path / "x.png", image)
    crop = ImageFolder(root=str(tmp_path), size=16, color="grey").open().images.float().mean()
    stretch = ImageFolder(root=str(tmp_path), size=16, color="grey", crop="stretch").open().images.float().mean()
    assert crop < 1  # only the middle is left, but for the resampling's ringing
    assert stretch / 255 == pytest.approx(1 / 3, abs=0.03)


def test_unreadable_files_are_named_skipped_and_counted(folder: Path) -> None:
    good = (folder / "a" / "plain.jpg").read_bytes()
    (folder / "a" / "truncated.jpg").write_bytes(good[: len(good) // 2])
    (folder / "a" / "empty.png").write_bytes(b"")
    opened = ImageFolder(root=str(folder), size=16).open()
    assert len(opened) == 7
    assert any("truncated.jpg" in note for note in opened.notes)
    assert any("empty.png" in note for note in opened.notes)
    assert opened.notes[-1].startswith("2 of 9 ")


def test_folders_without_images_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder"):
        ImageFolder(root=str(tmp_path / "nowhere")).check()
    with pytest.raises(UserError, match="no JPEG, PNG or WebP"):
        ImageFolder(root=str(tmp_path)).check()
    (tmp_path / "x.png").write_bytes(b"broken")
    with pytest.raises(UserError, match="none of its 1 image files"):
        ImageFolder(root=str(tmp_path)).open()


def test_torchvision_stays_off_the_default_path() -> None:
    """Its import takes a second, and the bundled data does without it."""
    code = "import sys; from ganlab.config import configure; from ganlab.data.digits import Digits; configure({}); Digits().open(); sys.exit('torchvision' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
