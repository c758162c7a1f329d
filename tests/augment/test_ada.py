from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from scipy import ndimage
from torch import Tensor

from ganlab.augment import transforms
from ganlab.augment.ada import ADA
from ganlab.config import CannotCombine
from ganlab.random_numbers import normal, uniform
from ganlab.scalars import Scheduled
from ganlab.types import DiscriminatorOutput, Observation
from tests.conftest import tiny

IMAGES = torch.rand(40, 3, 12, 16, generator=torch.Generator().manual_seed(5)) * 2 - 1
TRANSFORMS = [transforms.blit, transforms.resample, transforms.color, transforms.cutout]


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_with_probability_zero_nothing_changes(transform: Callable[..., Tensor]) -> None:
    assert torch.equal(transform(IMAGES, 0.0, rng()), IMAGES)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_the_share_of_changed_images_grows_with_p(transform: Callable[..., Tensor]) -> None:
    images = IMAGES[:1].expand(600, -1, -1, -1)

    def share(p: float) -> float:
        return (transform(images, p, rng()) != images).flatten(1).any(1).float().mean().item()

    assert 0 < share(0.1) < share(0.4) < share(1.0)


@pytest.mark.parametrize("shape", [(12, 12), (12, 16), (7, 7)])
def test_blit_by_hand(shape: tuple[int, int]) -> None:
    """On a square: flip, quarter turns and a translation with NumPy; on a rectangle without odd turns."""
    images = torch.rand(60, 1, *shape, generator=rng(3))
    found = transforms.blit(images, 1.0, rng(7))
    drawn = uniform((7, 60), rng(7), along=1)[:4]
    height, width = shape
    checked = 0
    for image, ours, (flip, turn, right, down) in zip(images, found, drawn.T.tolist(), strict=True):
        turns = int(turn * 4)
        if turns % 2 and height != width:
            continue
        expected = image[0].flip(1) if flip < 0.5 else image[0]
        expected = torch.rot90(expected, turns, (0, 1))
        by = [round((share * 2 - 1) * 0.125 * side) for share, side in ((down, height), (right, width))]
        moved = ndimage.shift(expected.numpy(), by, order=0, mode="mirror")
        options = (
            [moved, ndimage.shift(torch.rot90(expected, 2, (0, 1)).numpy(), by, order=0, mode="mirror")]
            if turns % 2
            else [moved]
        )
        assert any(torch.allclose(ours[0], torch.from_numpy(one), atol=1e-6) for one in options)
        checked += 1
    assert checked > 20


def test_rotation_scale_and_translation_move_a_disc_as_they_should() -> None:
    """The centre of mass of a small blob follows the affine map that the random numbers give."""
    size, count = 48, 60
    y, x = torch.meshgrid(torch.arange(size) - 23.5, torch.arange(size) - 23.5, indexing="ij")
    place = (6.0, -4.0)
    blob = torch.exp(-((x - place[0]) ** 2 + (y - place[1]) ** 2) / 8)
    found = transforms.resample(blob.expand(count, 1, -1, -1), 1.0, rng(2))[:, 0]
    generator = rng(2)
    scale, stretch, right, down = normal((4, count), generator, along=1)
    angles = uniform((7, count), generator, along=1)[:2]
    mass = found.sum((1, 2))
    center_x, center_y = (found * x).sum((1, 2)) / mass, (found * y).sum((1, 2)) / mass
    checked = 0
    for i in range(count):
        first, second = ((angles[k, i].item() * 2 - 1) * math.pi for k in (0, 1))
        s, a = 2 ** (0.2 * scale[i].item()), 2 ** (0.2 * stretch[i].item())
        px, py = place[0] * s, place[1] * s
        px, py = math.cos(first) * px - math.sin(first) * py, math.sin(first) * px + math.cos(first) * py
        px, py = px * a, py / a
        px, py = math.cos(second) * px - math.sin(second) * py, math.sin(second) * px + math.cos(second) * py
        px, py = px + right[i].item() * 0.125 * size, py + down[i].item() * 0.125 * size
        # Where no reflected copy of the blob has come into the image, its mass is that of a Gaussian, scaled.
        if max(abs(px), abs(py)) < 15 and mass[i].item() == pytest.approx(8 * math.pi * s * s, rel=0.005):
            assert center_x[i].item() == pytest.approx(px, abs=0.15)
            assert center_y[i].item() == pytest.approx(py, abs=0.15)
            checked += 1
    assert checked > 15


def test_resampling_blurs_by_the_weights_that_are_documented(monkeypatch: pytest.MonkeyPatch) -> None:
    """A scale of 1 is due, and no angle: 1/8, 3/4, 1/8 along each axis."""
    monkeypatch.setattr(transforms, "SCALE", 0.0)
    monkeypatch.setattr(transforms, "TRANSLATION", 0.0)
    monkeypatch.setattr(transforms, "uniform", lambda shape, rng, along: torch.full(shape, 0.5))
    found = transforms.resample(IMAGES, 0.6, rng())
    expected = IMAGES
    for axis in (2, 3):
        expected = torch.from_numpy(ndimage.correlate1d(expected.numpy(), [1 / 8, 3 / 4, 1 / 8], axis, mode="mirror"))
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_colour_is_an_affine_map_that_keeps_or_flips_the_luma_axis() -> None:
    """By 4×4 matrices as in the published code: brightness, contrast, luma flip, hue rotation, saturation."""
    found = transforms.color(IMAGES, 1.0, rng(4))
    generator = rng(4)
    brightness, contrast, saturation = normal((3, 40), generator, along=1)
    drawn = uniform((7, 40), generator, along=1)
    axis = torch.ones(3, dtype=torch.float64) / math.sqrt(3)
    along = torch.outer(axis, axis)
    cross = torch.tensor([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]], dtype=torch.float64)
    for i in range(40):
        pixels = IMAGES[i].flatten(1).double()
        pixels = (pixels + 0.2 * brightness[i]) * 2 ** (0.5 * contrast[i].double())
        if drawn[0, i] < 0.5:
            pixels = pixels - 2 * along @ pixels
        angle = (drawn[1, i].double() * 2 - 1) * math.pi
        eye = torch.eye(3, dtype=torch.float64)
        pixels = (along + angle.cos() * (eye - along) + angle.sin() * cross) @ pixels
        pixels = (along + (eye - along) * 2 ** saturation[i].double()) @ pixels
        torch.testing.assert_close(found[i].flatten(1).double(), pixels, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_gradients_pass_and_the_shape_stays(transform: Callable[..., Tensor], channels: int) -> None:
    images = torch.rand(8, channels, 9, 14, generator=rng(1), requires_grad=True)
    changed = transform(images, torch.tensor(0.7), rng())
    assert changed.shape == images.shape
    changed.square().sum().backward()
    assert images.grad is not None
    assert images.grad.isfinite().all()
    assert images.grad.flatten(1).abs().sum(1).min() > 0


def test_cutout_by_hand() -> None:
    """The rectangle reaches a quarter of each side in all directions, from a centre anywhere in the image."""
    ones = torch.ones(50, 2, 12, 16)
    found = transforms.cutout(ones, 0.6, rng(3))
    for image, (x, y, due) in zip(found, uniform((3, 50), rng(3), along=1).T.tolist(), strict=True):
        for row in range(12):
            for column in range(16):
                erased = due < 0.6 and abs((row + 0.5) / 12 - y) < 0.25 and abs((column + 0.5) / 16 - x) < 0.25
                assert image[:, row, column].tolist() == [0.0 if erased else 1.0] * 2


def observation(logits: Tensor, images: int = 8, boundary: float = 0.0) -> Observation:
    output = DiscriminatorOutput(logits)
    return Observation(output, output, images, boundary)


def test_p_follows_the_papers_rule() -> None:
    """p moves by the images of the interval / adjust_images, up where r_t is above the target and down where below."""
    setting = ADA(interval=2, adjust_images=100, target=0.6)
    state = setting.initial_state(torch.device("cpu"))
    expected = 0.0
    for sign in (1.0, 1.0, 1.0, 1.0, 0.2, 0.2, -1.0, -1.0, -1.0, -1.0, -1.0, -1.0):
        values = torch.tensor([sign]) if abs(sign) == 1 else torch.tensor([1.0, 1, 1, -1, -1])  # mean sign 0.2
        setting.observe(state, observation(values * 3))
    # updates 1-4 raise it twice by 16/100, 5-6 and each later pair lower it, down to 0
    for step in (0.16, 0.16, -0.16, -0.16, -0.16, -0.16):
        expected = min(max(expected + step, 0.0), 1.0)
    assert state["p"].item() == pytest.approx(expected, abs=1e-6)
    fresh = setting.initial_state(torch.device("cpu"))
    setting.observe(fresh, observation(torch.ones(4)))
    assert fresh["p"] == 0, "p moves every second update only"
    setting.observe(fresh, observation(torch.ones(4)))
    assert fresh["p"].item() == pytest.approx(0.16)
    assert setting.report(fresh)["r_t"] == 1


def test_the_boundary_and_maps() -> None:
    setting = ADA(interval=1, adjust_images=100)
    state = setting.initial_state(torch.device("cpu"))
    setting.observe(state, observation(torch.tensor([0.6, 0.4]), boundary=0.5))
    assert state["r_t"] == 0
    setting.observe(
        state, observation(torch.tensor([[[3.0, -1.0]], [[-3.0, 1.0]]]))
    )  # the sign of the mean over places
    assert state["r_t"] == 0


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"augment": {"ada": {}}, "loss": "wasserstein"}, "trains only differences of D's logits"),
        (
            {
                "augment": {"ada": {}},
                "data": {"name": "ring"},
                "generator": {"name": "mlp"},
                "discriminator": {"name": "mlp"},
            },
            "points of the plane",
        ),
    ],
)
def test_what_is_refused(changes: dict, sentence: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(CannotCombine, match=sentence):
        tiny(**changes)


def test_a_constant_probability_has_no_state() -> None:
    setting = ADA(target=None, p=0.5)
    assert setting.initial_state(torch.device("cpu")) == {}
    assert not torch.equal(setting.augment(IMAGES, rng(), 0.0, {}), IMAGES)
    with pytest.raises(ValueError, match="nothing is ever augmented"):
        ADA(target=None)
    with pytest.raises(ValueError, match="all off"):
        ADA(blit=False, geometry=False, color=False)


def test_a_scheduled_probability() -> None:
    """The images are those of a constant p with the schedule's value; colours have a share of it."""
    moving = ADA(target=None, p=Scheduled(0.0, 0.8), geometry=False, cutout=True, color_share=0.5)
    for progress, p in ((0.0, 0.0), (0.5, 0.4), (1.0, 0.8)):
        generator = rng(4)
        expected = transforms.blit(IMAGES, p, generator)
        expected = transforms.color(expected, p / 2, generator)
        expected = transforms.cutout(expected, p, generator)
        assert torch.equal(moving.augment(IMAGES, rng(4), progress, {}), expected)
    with pytest.raises(
        ValueError, match=r"found p=\{start: 0, .*\} with target=0.6, and both change p; type target=null"
    ):
        ADA(p=Scheduled(0.0, 0.8))
