"""Pictures of samples: their size, the names in their margins, and filmstrips over the steps of a run."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from ganlab.monitor import Files, TensorBoard
from ganlab.monitor.captions import display_names, shorten, with_caption
from ganlab.monitor.filmstrip import filmstrips
from ganlab.monitor.grid import enlarge, grid, pixels, shrink
from ganlab.monitor.named_grid import Layout, Picture, named_grid
from ganlab.monitor.neighbours import neighbours
from ganlab.monitor.pictures import low_contrast_range, pictures
from ganlab.training.observer import Samples
from ganlab.training.trainer import Trainer

INK = 150  # letters are darker than this


def images(count: int, channels: int = 1, height: int = 8, width: int = 8, seed: int = 0) -> torch.Tensor:
    return torch.rand(count, channels, height, width, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def cell(picture: Picture, number: int) -> torch.Tensor:
    """Image ``number`` (3, H, W) of a picture, from every enlarged pixel's block, all of one value."""
    layout = picture.layout
    assert layout is not None
    top, left = layout.corner(number)
    f = layout.factor
    block = picture.pixels[:, top : top + layout.height * f, left : left + layout.width * f]
    blocks = block.reshape(3, layout.height, f, layout.width, f)
    assert (blocks == blocks[:, :, :1, :, :1]).all()
    return blocks[:, :, 0, :, 0]


# ---------------------------------------------------------------------------------------------------------------- grids


@pytest.mark.parametrize(("count", "channels", "columns"), [(2, 1, 1), (7, 3, 3), (64, 3, 8), (5, 1, 9)])
def test_a_grid_is_that_of_torchvision(count: int, channels: int, columns: int) -> None:
    from torchvision.utils import make_grid

    given = images(count, channels, 5, 7)
    assert torch.equal(grid(given, 3, columns), make_grid(pixels(given), columns, padding=3, pad_value=255))


def test_other_numbers_of_channels_are_shown_as_colours() -> None:
    two, five = images(1, 2), images(1, 5)
    assert torch.equal(grid(two, 0)[:2], pixels(two)[0])
    assert not grid(two, 0)[2].any()
    assert torch.equal(grid(five, 0), pixels(five)[0, :3])


@pytest.mark.parametrize("count", [1, 2, 64, 100])
@pytest.mark.parametrize("size", [(8, 8), (32, 32), (28, 11)])
def test_every_number_of_images_is_enlarged_by_a_whole_factor(count: int, size: tuple[int, int]) -> None:
    given = images(count, 3, *size)
    picture = named_grid(given)
    longer = max(picture.pixels.shape)
    assert longer >= 512
    assert picture.layout is not None
    assert longer * (picture.layout.factor - 1) / picture.layout.factor < 512  # no more than is needed
    for number in (0, count // 2, count - 1):
        assert torch.equal(cell(picture, number), pixels(given)[number])


def test_a_large_picture_is_left_as_it_is() -> None:
    assert named_grid(images(4, 1, 300, 300)).pixels.shape == (3, 606, 606)
    assert enlarge(torch.zeros(3, 512, 9)).shape == (3, 512, 9)
    assert enlarge(torch.zeros(3, 511, 9)).shape == (3, 1022, 18)


def test_a_huge_picture_is_averaged() -> None:
    picture = torch.tensor([[0, 100, 7], [100, 200, 9]], dtype=torch.uint8).expand(3, 2, 3)
    assert shrink(picture, 2)[0].tolist() == [[100, 8]]
    assert shrink(picture, 3) is picture


# ---------------------------------------------------------------------------------------------------------------- names


def test_rows_and_columns_have_names_beside_them() -> None:
    given = images(6)
    plain = named_grid(given, 2)
    picture = named_grid(given, 2, row_names=["cat", "", "deer"], column_names=["a", "b"])
    assert picture.layout is not None
    left, top = picture.layout.left, picture.layout.top
    assert min(left, top) > 10
    assert torch.equal(picture.pixels[:, top:, left:], plain.pixels)
    assert torch.equal(cell(picture, 5), pixels(given)[5].expand(3, -1, -1))
    margin = (picture.pixels[0, top:, :left] < INK).any(1)
    rows = [margin[picture.layout.corner(2 * row)[0] - top :][: 8 * picture.layout.factor].any() for row in range(3)]
    assert [bool(row) for row in rows] == [True, False, True]  # beside its own row
    assert (picture.pixels[0, :top, left:] < INK).any()
    assert named_grid(given, 2, row_names=["cat"]).pixels.shape == plain.pixels.shape  # not one for each row


def test_names_of_narrow_columns_are_written_upwards() -> None:
    wide, narrow = (named_grid(images(n), n, column_names=["automobile"] * n).layout for n in (2, 12))
    assert wide is not None
    assert narrow is not None
    assert wide.top < 40 < narrow.top


def test_many_tiny_rows_are_enlarged_until_their_names_fit() -> None:
    layout = named_grid(images(300, 1, 2, 2), 1, row_names=[str(row) for row in range(300)]).layout
    assert layout is not None
    assert layout.factor * 4 >= 12


def test_names_are_shortened_and_stay_different() -> None:
    assert shorten("cat") == "cat"
    short = shorten("n01440764_flower_with_a_long_name_12")
    assert len(short) <= 18
    assert short.startswith("n0144")
    assert short.endswith("12")
    assert display_names(["a", "\u65e5\u672c", "", "x" * 30 + "A" + "x" * 30, "x" * 30 + "B" + "x" * 30, "\u00c4"]) == [
        "a", "class 1", "class 2", "class 3", "class 4", "\u00c4",
    ]  # fmt: skip


def test_a_caption_takes_as_many_lines_as_it_needs() -> None:
    picture = torch.zeros(3, 50, 200, dtype=torch.uint8)
    one, three = with_caption(picture, "short"), with_caption(picture, "many words " * 8)
    assert torch.equal(three[:, :50], picture)
    assert 50 < one.shape[1] < three.shape[1] - 20
    assert (three[0, 50:] < INK).any(1).nonzero().max() < three.shape[1] - 50  # nothing is cut off


# ----------------------------------------------------------------------------------------------------- a run's pictures


def test_rows_of_classes_have_their_names() -> None:
    given = images(6, 1, 4, 4)
    shown = pictures(1, Samples({"real": given, "generator": given}, columns=2), ("cat", "dog", "bird"))
    assert list(shown["generator"].row_names) == ["cat", "dog", "bird"]
    assert torch.equal(shown["generator"].pixels, shown["real"].pixels)
    unnamed = pictures(1, Samples({"generator": given}, columns=2), ("cat", "dog"))  # another number of names
    assert list(unnamed["generator"].row_names) == ["class 0", "class 1", "class 2"]
    assert not pictures(1, Samples({"generator": given}), ("cat", "dog"))["generator"].row_names


def test_a_grey_beginning_is_shown_as_it_is_and_stretched() -> None:
    given = images(16) * 0.01 + 0.2
    shown = pictures(0, Samples({"generator": given, "average": given}))
    assert set(shown) == {"generator", "average", "generator-contrast"}
    grey, stretched = (
        torch.stack([cell(shown[name], n) for n in range(16)]) for name in ("generator", "generator-contrast")
    )
    assert torch.equal(grey[:, :1], pixels(given))
    low, high = np.percentile(given.numpy(), (0.5, 99.5))
    expected = ((given - low) / (high - low)).clamp(0, 1) * 255
    assert (stretched[:, :1].float() - expected).abs().max() <= 0.51
    assert "generator-contrast" not in pictures(1, Samples({"generator": given}))
    assert "generator-contrast" not in pictures(0, Samples({"generator": images(16)}))


def test_images_without_contrast_and_without_numbers_are_not_stretched() -> None:
    assert low_contrast_range(torch.zeros(2, 1, 4, 4)) is None
    assert low_contrast_range(torch.full((2, 1, 4, 4), float("nan"))) is None


def test_a_picture_of_a_pair_has_a_legend() -> None:
    fakes, reals = images(5, 3), images(5, 3, seed=1)
    picture = neighbours(fakes, reals, [0.5, 0.1, 0.4, 0.3, 0.2])
    one = neighbours(fakes[:1], reals[:1], [0.5])
    for shown in (picture, one):
        assert max(shown.size) >= 512
        ink = np.asarray(shown.convert("L")) < INK
        assert ink[:24].any()  # sample, nearest
        assert ink[-20:].any()  # what the numbers are
    assert neighbours(fakes[1:2], reals[1:2], [0.1]).size == one.size


# ------------------------------------------------------------------------------------------------------------ filmstrip


def record(folder: Path, steps: range, names: tuple[str, ...] = (), columns: int | None = None, n: int = 20) -> None:
    files, board = Files(folder, names), TensorBoard(folder, "", names)
    for observer in (files, board):
        observer.started(steps[0] - steps.step if steps[0] else 0, 1000)
        for step in steps:
            observer.sampled(step, Samples({"generator": images(n, 1, 6, 5, seed=step)}, columns))
        observer.closed()


def strip(folder: Path) -> Picture:
    """The filmstrip's file, with the layout in it."""
    with Image.open(folder / "samples" / "filmstrip-generator.png") as file:
        facts = json.loads(file.text["ganlab"])  # type: ignore[attr-defined]
        shown = torch.from_numpy(np.array(file)).permute(2, 0, 1)
    return Picture(shown, Layout(**facts["layout"]), facts["names"])


def test_a_filmstrip_has_a_row_for_each_latent_and_a_column_for_each_step(tmp_path: Path) -> None:
    record(tmp_path, range(0, 40, 10))
    record(tmp_path, range(40, 60, 10))  # as after a resume
    shown = strip(tmp_path)
    assert shown.layout is not None
    assert (shown.layout.rows, shown.layout.columns) == (10, 6)
    for column, step in enumerate(range(0, 60, 10)):
        for row in range(10):
            assert torch.equal(cell(shown, 6 * row + column)[:1], pixels(images(20, 1, 6, 5, seed=step))[row])
    events = EventAccumulator(str(tmp_path), size_guidance={"images": 0})
    events.Reload()
    newest = events.Images("1 samples/generated over the steps")[-1]
    strip_file = tmp_path / "samples" / "filmstrip-generator.png"
    assert (newest.step, newest.encoded_image_string) == (50, strip_file.read_bytes())


def test_a_filmstrip_of_classes_shows_one_latent_of_each(tmp_path: Path) -> None:
    record(tmp_path, range(0, 3), ("cat", "dog", "bird"), columns=4, n=12)
    shown = strip(tmp_path)
    assert shown.row_names == ["cat", "dog", "bird"]
    for row in range(3):
        assert torch.equal(cell(shown, 3 * row + 2)[:1], pixels(images(12, 1, 6, 5, seed=2))[4 * row])


def test_a_long_run_is_thinned_evenly(tmp_path: Path) -> None:
    record(tmp_path, range(0, 100, 2), n=2)
    shown = strip(tmp_path)
    assert shown.layout is not None
    assert shown.layout.columns == 12
    expected = [2 * round(column * 49 / 11) for column in range(12)]
    for column, step in enumerate(expected):
        assert torch.equal(cell(shown, column)[:1], pixels(images(2, 1, 6, 5, seed=step))[0])


def test_going_back_takes_the_filmstrip_with_it(tmp_path: Path) -> None:
    record(tmp_path, range(0, 5))
    files = Files(tmp_path)
    files.started(2, 9)
    assert not (tmp_path / "samples" / "filmstrip-generator.png").exists()
    files.closed()
    layout = strip(tmp_path).layout
    assert layout is not None
    assert layout.columns == 3  # steps 0, 1, 2


def test_pictures_that_are_damaged_or_of_earlier_versions_are_left_out(tmp_path: Path) -> None:
    record(tmp_path, range(0, 4))
    samples = tmp_path / "samples"
    (samples / "step-0000001-generator.png").write_bytes(b"half a picture")
    whole = (samples / "step-0000002-generator.png").read_bytes()
    (samples / "step-0000002-generator.png").write_bytes(whole[: len(whole) // 2])
    Image.new("RGB", (40, 40)).save(samples / "step-0000004-generator.png")  # without a layout
    layout = filmstrips(samples)["generator"].layout
    assert layout is not None
    assert layout.columns == 2
    text = {"layout": {**vars(layout), "columns": 0}, "names": []}
    for wrong in (
        {},
        [],
        {"layout": 3},
        text,
        {"layout": {**text["layout"], "columns": 10**9, "top": 10**9}, "names": []},
    ):  # type: ignore[dict-item]
        facts = PngInfo()
        facts.add_text("ganlab", json.dumps(wrong))
        Image.new("RGB", (40, 40)).save(samples / "step-0000000-generator.png", pnginfo=facts)
        assert not filmstrips(samples)


def test_points_are_shown_side_by_side(tmp_path: Path) -> None:
    files = Files(tmp_path)
    files.started(0, 9)
    points = torch.rand(9, 2, 1, 1)
    for step in range(3):
        files.sampled(step, Samples({"real": points, "generator": points}))
    files.closed()
    one = Image.open(tmp_path / "samples" / "step-0000000-generator.png")
    several = Image.open(tmp_path / "samples" / "filmstrip-generator.png")
    assert several.width == pytest.approx(3 * 0.6 * one.width, abs=12)
    assert several.height == pytest.approx(0.6 * one.height, abs=6)


def test_a_picture_is_encoded_once_and_is_exact() -> None:
    picture = named_grid(images(4, 3))
    assert picture.png is picture.png
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(picture.png))), picture.pixels.permute(1, 2, 0).numpy())


def test_a_resumed_run_has_the_filmstrip_of_one_that_was_not_stopped(
    make_trainer: Callable[..., Trainer], tmp_path: Path
) -> None:
    settings = {"steps": 4, "logging": {"samples_every": 1, "samples": 12}}
    make_trainer((Files(tmp_path / "whole"),), folder=tmp_path / "whole", **settings).run()
    first = make_trainer((Files(tmp_path / "run"),), folder=tmp_path / "run", **settings)
    while first.step < 2:
        if first.step == 0:
            first.observers.start(0, 4)
            first.reports.samples(first.step)
        first.train_step()
        first.reports.samples(first.step)
    state = first.state()
    first.observers.notify(lambda observer: observer.closed())
    second = make_trainer((Files(tmp_path / "run"),), folder=tmp_path / "run", **settings)
    second.restore(state)
    second.run()
    one, other = (tmp_path / name / "samples" / "filmstrip-generator.png" for name in ("whole", "run"))
    assert one.read_bytes() == other.read_bytes()
