"""LPIPS with random weights of its network, beside another implementation and by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
import safetensors.torch
import torch
import torch.nn.functional as F
from torch import Tensor

from ganlab.errors import UserError
from ganlab.evaluation import lpips
from ganlab.evaluation.lpips import open_lpips

CHANNELS = (64, 128, 256, 512, 512)
BLOCKS = (2, 2, 3, 3, 3)  # convolutions before each of the five layers
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    """Random weights of a VGG-16, with torchvision's names."""
    rng = torch.Generator().manual_seed(0)
    found: dict[str, Tensor] = {}
    place, inputs = 0, 3
    for outputs, count in zip(CHANNELS, BLOCKS, strict=True):
        for _ in range(count):
            deviation = (2 / (9 * inputs)) ** 0.5
            found[f"features.{place}.weight"] = torch.randn(outputs, inputs, 3, 3, generator=rng) * deviation
            found[f"features.{place}.bias"] = torch.randn(outputs, generator=rng) * 0.1
            place, inputs = place + 2, outputs
        place += 1  # max pooling
    return found


@pytest.fixture(scope="module")
def file(state: dict[str, Tensor], tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("vgg") / "vgg16.safetensors"
    safetensors.torch.save_file(state, path)
    return str(path)


@pytest.fixture(scope="module")
def factors() -> list[Tensor]:
    rng = torch.Generator().manual_seed(1)
    return [torch.rand(1, count, 1, 1, generator=rng) for count in CHANNELS]


@pytest.fixture(scope="module")
def images() -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(2)
    first, second = torch.rand(2, 3, 1, 32, 32, generator=rng) * 2 - 1
    return first, second


def by_hand(state: dict[str, Tensor], factors: list[Tensor], first: Tensor, second: Tensor) -> Tensor:
    """The distance of two grey images (1, H, W), pixel by pixel of each layer."""
    shift, scale = torch.tensor([-0.030, -0.088, -0.188]), torch.tensor([0.458, 0.448, 0.450])  # its authors' figures
    x = torch.stack([(one.expand(3, -1, -1) - shift.view(3, 1, 1)) / scale.view(3, 1, 1) for one in (first, second)])
    total, place = torch.zeros(()), 0
    for number, count in enumerate(BLOCKS):
        if number:
            x, place = F.max_pool2d(x, 2), place + 1
        for _ in range(count):
            x = F.relu(F.conv2d(x, state[f"features.{place}.weight"], state[f"features.{place}.bias"], padding=1))
            place += 2
        one, other = (F.normalize(y.flatten(1), dim=0) for y in x)
        total = total + (factors[number].view(-1, 1) * (one - other) ** 2).sum(0).mean()
    return total


def test_it_is_the_formula(
    state: dict[str, Tensor], file: str, factors: list[Tensor], images: tuple[Tensor, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.setattr(lpips, "_factors", lambda: factors)
    distance = open_lpips(file, CPU)
    found = distance(*images)
    expected = torch.stack([by_hand(state, factors, one, other) for one, other in zip(*images, strict=True)])
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)
    assert len(set(found.tolist())) == 3
    assert distance(images[0], images[0]).abs().max() == 0
    with pytest.raises(UserError, match="the images have 8×8 pixels, and its network needs 16 a side"):
        distance(images[0][..., :8, :8], images[1][..., :8, :8])


def test_the_factors_are_those_of_the_package(
    state: dict[str, Tensor], file: str, images: tuple[Tensor, Tensor]
) -> None:
    other = pytest.importorskip("torchmetrics.functional.image.lpips")
    network = other._LPIPS(pretrained=True, net="vgg", pnet_rand=True).eval()
    own = {
        f"net.slice{number}.{name}": tensor
        for name, tensor in ((name.removeprefix("features."), one) for name, one in state.items())
        for number in range(1, 6)
    }
    found = network.load_state_dict(own, strict=False)
    assert not [name for name in found.missing_keys if name.startswith("net")]
    colours = [one.expand(-1, 3, -1, -1) for one in images]
    with torch.no_grad():
        expected = network(*colours).flatten()
    torch.testing.assert_close(open_lpips(file, CPU)(*images), expected, rtol=1e-4, atol=1e-6)


def test_what_is_missing_is_named(file: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"lpips=.*nothing.pth: .*cannot be had .*type lpips=FILE"):
        open_lpips(str(tmp_path / "nothing.pth"), CPU)
    monkeypatch.setattr(lpips, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="not installed; type pip install lpips"):
        open_lpips(file, CPU)
