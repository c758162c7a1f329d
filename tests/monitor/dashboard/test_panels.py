"""Pictures for the dashboard: each image in its panel, in the order of the samples."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import Tensor

from ganlab.monitor import TensorBoard
from ganlab.monitor.dashboard.panels import BESIDE, CONTRAST, LEAST, VALUES, shown, side_by_side
from ganlab.monitor.dashboard.summaries import HEAVIEST, LARGEST, image
from ganlab.monitor.grid import pixels
from ganlab.monitor.named_grid import Picture
from ganlab.training.observer import Samples


def noise(count: int, channels: int = 1, height: int = 5, width: int = 5, seed: int = 0) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.rand(count, channels, height, width, generator=rng) * 2 - 1


def places(picture: Tensor, one: Tensor) -> list[tuple[int, int]]:
    """The corners (row, column) at which an image (1, H, W) is in a picture, enlarged by whatever factor."""
    wanted = pixels(one)[0]
    height, width = wanted.shape
    grey = picture[0]
    for factor in range(1, 60):
        found = []
        corner = (grey == wanted[0, 0]).nonzero()
        for row, column in corner.tolist():
            cut = grey[row : row + factor * height : factor, column : column + factor * width : factor]
            last = grey[row + factor * height - 1 : row + factor * height, column : column + 1]
            if cut.shape == wanted.shape and torch.equal(cut, wanted) and last.numel() and last[0, 0] == wanted[-1, 0]:
                found.append((row, column))
        if found:
            return [found[0]]
    return []


def test_real_generated_and_averaged_images_are_side_by_side() -> None:
    kinds = {name: noise(6, seed=seed) for seed, name in enumerate(("real", "generator", "average"))}
    picture = side_by_side(kinds, None).pixels
    corners = {name: [places(picture, one)[0] for one in images] for name, images in kinds.items()}
    for name in ("generator", "average"):
        shifts = {(a[0] - b[0], a[1] - b[1]) for a, b in zip(corners[name], corners["real"], strict=True)}
        assert len(shifts) == 1, "the panels have the same arrangement"
        ((down, right),) = shifts
        assert down == 0
        assert right > 0
    assert max(picture.shape) >= 600


def test_rows_by_class_stay_rows_by_class_and_have_names() -> None:
    kinds = {name: noise(3 * 40, 3, 32, 32, seed=seed) for seed, name in enumerate(("real", "generator"))}
    picture = side_by_side(kinds, 40, ("cat", "dog", "bird")).pixels
    kept = VALUES // (2 * 3 * 32 * 32) // 3
    assert 1 < kept < 40
    firsts = [places(picture, kinds["generator"][40 * row : 40 * row + 1, 0])[0] for row in range(3)]
    assert len({column for _, column in firsts}) == 1
    lasts = [places(picture, kinds["real"][40 * row + kept - 1 : 40 * row + kept, 0]) for row in range(3)]
    assert [last[0][0] for last in lasts] == [row for row, _ in firsts]
    assert not places(picture, kinds["real"][kept : kept + 1, 0])
    margin = picture[0, :, : places(picture, kinds["real"][:1, 0])[0][1]]
    assert (margin < 128).any(), "the names of the classes"


def test_large_images_are_few() -> None:
    kinds = {"generator": noise(64, 3, 64, 64), "real": noise(64, 3, 64, 64, seed=1)}
    few = side_by_side(kinds, None).pixels
    assert few.shape[1] * few.shape[2] < 1.5 * 2 * LEAST * 66 * 66 * 4
    assert places(few, kinds["real"][LEAST - 1 : LEAST, 0])
    assert not places(few, kinds["real"][LEAST : LEAST + 1, 0])


def test_reals_are_kept_for_later_samples(tmp_path: Path) -> None:
    board, real, fakes = TensorBoard(tmp_path, ""), noise(4), noise(4, seed=1)
    board.started(0, 9)
    board.sampled(0, Samples({"real": real, "generator": fakes}))
    board.sampled(5, Samples({"generator": fakes}))
    board.closed()
    events = EventAccumulator(str(tmp_path), size_guidance={"images": 0}).Reload()
    first, second = events.Images(BESIDE.tag)
    assert first.encoded_image_string == second.encoded_image_string
    seen = torch.from_numpy(np.array(Image.open(io.BytesIO(second.encoded_image_string)))).permute(2, 0, 1)
    assert places(seen, real[2])
    assert places(seen, fakes[2])
    assert BESIDE.what[:20] in events.SummaryMetadata(BESIDE.tag).summary_description


def test_which_pictures_there_are() -> None:
    grey = noise(4) * 0.01
    compared = {"comparison": noise(4, 1, 5, 15), "comparison-held_out": noise(4, 1, 5, 15)}
    found = shown(0, Samples({"generator": grey, **compared}, compared=("source", "generated", "real")), None)
    assert [one.chart.name for one in found] == [
        BESIDE.name,
        "source, generated and real",
        "source, generated and real, held out",
        CONTRAST.name,
    ]
    charts = [one.chart for one in shown(1, Samples({"generator": grey}), None)]
    assert charts == [BESIDE]


def test_pictures_have_a_sane_size() -> None:
    large = Picture((torch.rand(3, 3000, 3000, generator=torch.Generator().manual_seed(0)) * 255).to(torch.uint8))
    summary = image(BESIDE, large).image
    assert max(summary.width, summary.height) <= LARGEST
    assert summary.encoded_image_string[:2] == b"\xff\xd8"  # a JPEG
    assert len(summary.encoded_image_string) < len(Picture(large.pixels[:, ::2, ::2]).png)
    small = Picture(large.pixels[:, :100, :100])
    kept = image(BESIDE, small).image.encoded_image_string
    assert len(kept) < HEAVIEST
    opened = torch.from_numpy(np.array(Image.open(io.BytesIO(kept)))).permute(2, 0, 1)
    assert torch.equal(opened, small.pixels)
