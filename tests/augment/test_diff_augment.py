from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ganlab.augment.diff_augment import DiffAugment

COLOR, TRANSLATION, CUTOUT = (
    DiffAugment(color=True, translation=0, cutout=0),
    DiffAugment(color=False, translation=0.25, cutout=0),
    DiffAugment(color=False, translation=0, cutout=0.5),
)
IMAGES = torch.randn(64, 3, 8, 8, generator=torch.Generator().manual_seed(5))


def augmented(setting: DiffAugment, images: Tensor = IMAGES, seed: int = 0) -> Tensor:
    return setting(images, torch.Generator().manual_seed(seed), 0.0)


def test_colour_by_hand() -> None:
    """Brightness, saturation, contrast, one image at a time, from the same numbers."""
    changed = augmented(COLOR)
    drawn = torch.rand(3, 64, generator=torch.Generator().manual_seed(0))
    for image, found, (brightness, saturation, contrast) in zip(IMAGES, changed, drawn.T.tolist(), strict=True):
        x = image + brightness - 0.5
        x = (x - x.mean(0)) * (saturation * 2) + x.mean(0)
        x = (x - x.mean()) * (contrast + 0.5) + x.mean()
        torch.testing.assert_close(found, x)


def test_saturation_leaves_grey_images_alone() -> None:
    grey = IMAGES[:, :1]
    changed = augmented(COLOR, grey)
    # brightness and contrast are one line per image: the images keep their pattern
    deviation, before = changed - changed.mean((1, 2, 3), True), grey - grey.mean((1, 2, 3), True)
    scale = deviation.flatten(1).norm(dim=1) / before.flatten(1).norm(dim=1)
    torch.testing.assert_close(deviation, before * scale[:, None, None, None])
    assert scale.min() >= 0.5
    assert scale.max() <= 1.5
    assert scale.std() > 0.2


def test_translation_moves_each_image_by_its_own_few_pixels_and_brings_in_zeros() -> None:
    place = torch.stack(torch.meshgrid(torch.arange(1.0, 9), torch.arange(1.0, 9), indexing="ij")).expand(
        64, -1, -1, -1
    )
    met = set()
    for image in augmented(TRANSLATION, place):
        down, right = 4 - int(image[0, 3, 3]), 4 - int(image[1, 3, 3])
        met.add((down, right))
        expected = torch.zeros(2, 8, 8)
        for row in range(8):
            for column in range(8):
                if 0 <= row - down < 8 and 0 <= column - right < 8:
                    expected[:, row, column] = place[0, :, row - down, column - right]
        assert torch.equal(image, expected)
    assert {down for down, _ in met} == {right for _, right in met} == {-2, -1, 0, 1, 2}


def test_cutout_zeroes_one_rectangle_whose_middle_may_lie_anywhere() -> None:
    cut = augmented(CUTOUT, torch.ones(256, 3, 8, 8)) == 0
    assert torch.equal(cut[:, 0], cut[:, 2])
    rows, columns = cut[:, 0].any(2), cut[:, 0].any(1)
    assert torch.equal(cut[:, 0], rows[:, :, None] & columns[:, None, :])
    # 4 of 8 rows where it lies inside, down to 2 at an edge
    assert set(rows.sum(1).tolist()) == set(columns.sum(1).tolist()) == {2, 3, 4}
    assert rows.any(0).all()
    assert rows.float().mean(0).std() < 0.2


DRAWS = 4000


def as_often(met: list[object], expected: list[object]) -> bool:
    """Whether these were met, no others, and each in its share of all to 5 standard deviations."""
    share = len(met) / len(expected)
    return set(met) == set(expected) and all(abs(met.count(one) - share) < 5 * share**0.5 for one in expected)


@pytest.mark.parametrize(
    ("share", "side", "most"), [(0.125, 8, 1), (0.125, 11, 1), (0.125, 12, 2), (0.125, 20, 3), (0.3, 12, 4)]
)
def test_translation_is_by_up_to_the_nearest_whole_pixel_each_as_often(share: float, side: int, most: int) -> None:
    """A half is rounded up: 1.5 pixels of 12 are 2, 2.5 of 20 are 3."""
    rows = torch.arange(1.0, side + 1).view(1, 1, side, 1).expand(DRAWS, 1, side, side)
    setting = DiffAugment(color=False, translation=share, cutout=0)
    middle = side // 2
    for map_ in (rows, rows.transpose(2, 3)):
        met = (middle + 1 - augmented(setting, map_)[:, 0, middle, middle]).int().tolist()
        assert as_often(met, list(range(-most, most + 1)))


@pytest.mark.parametrize(("share", "side", "cut"), [(0.5, 8, 4), (0.4, 8, 3), (0.5, 7, 4), (0.45, 6, 3)])
def test_the_cutouts_middle_is_anywhere_as_often(share: float, side: int, cut: int) -> None:
    """An even rectangle has its middle on a line between pixels, the outer edges among them; an odd one on a pixel."""
    middles = [m + 0.5 for m in range(side)] if cut % 2 else [float(m) for m in range(side + 1)]
    expected = [tuple(abs(pixel + 0.5 - m) < cut / 2 for pixel in range(side)) for m in middles]
    cut_out = augmented(DiffAugment(color=False, translation=0, cutout=share), torch.ones(DRAWS, 1, side, side)) == 0
    for axis in (2, 1):  # rows, then columns
        assert as_often([tuple(line) for line in cut_out[:, 0].any(axis).tolist()], list(expected))


@pytest.mark.parametrize("setting", [COLOR, TRANSLATION, CUTOUT, DiffAugment()])
def test_each_image_has_its_own_draws_and_each_stream(setting: DiffAugment) -> None:
    same = IMAGES[:1].expand(64, -1, -1, -1)
    changed = augmented(setting, same)
    assert len(torch.unique(changed.flatten(1), dim=0)) > 8
    assert torch.equal(changed, augmented(setting, same))
    assert not torch.equal(changed, augmented(setting, same, seed=1))


@pytest.mark.parametrize("setting", [COLOR, TRANSLATION, CUTOUT])
def test_gradients_are_those_of_a_linear_map(setting: DiffAugment) -> None:
    """All of it is affine in the images: the change along a direction is the gradient's."""
    images = IMAGES.clone().requires_grad_()
    probe, direction = torch.randn_like(IMAGES), torch.randn_like(IMAGES)
    (gradient,) = torch.autograd.grad((augmented(setting, images) * probe).sum(), images)
    moved = ((augmented(setting, IMAGES + direction) - augmented(setting)) * probe).sum()
    torch.testing.assert_close((gradient * direction).sum(), moved, rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize("shape", [(8, 2, 1, 1), (8, 1, 2, 2), (8, 3, 3, 5), (8, 1, 28, 28)])
def test_any_shape_stays_as_it_is_and_is_never_wiped_out(shape: tuple[int, ...]) -> None:
    changed = augmented(DiffAugment(color=False), torch.ones(shape))
    assert changed.shape == shape
    if shape[2] == 1:
        assert torch.equal(changed, torch.ones(shape))
    assert (augmented(CUTOUT, torch.ones(shape)).flatten(1).sum(1) > 0).all()


def test_nothing_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="leave it out"):
        DiffAugment(color=False, translation=0, cutout=0)
