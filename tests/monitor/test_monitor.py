from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from ganlab.monitor import Files, Progress, TensorBoard
from ganlab.monitor.dashboard.charts import chart_of
from ganlab.monitor.grid import grid
from ganlab.monitor.pictures import pictures
from ganlab.monitor.scatter import FAKE, LIMIT, REAL, scatter
from ganlab.training.observer import Samples

VALUES = {"discriminator/loss": 1.5, "generator/loss": 2.5, "progress/images_per_second": 100.0}
LOSS = "2 losses and scores/generator loss"


def read(folder: Path) -> EventAccumulator:
    events = EventAccumulator(str(folder), size_guidance={"tensors": 0, "images": 0, "scalars": 0})
    events.Reload()
    return events


def test_a_grid_puts_images_side_by_side() -> None:
    images = torch.stack([torch.full((1, 3, 4), value) for value in (-1.0, 0.0, 1.0)])
    picture = grid(images, padding=1)
    assert picture.shape == (3, 9, 11)
    assert picture[0, 1:4, 1:5].unique().tolist() == [0]
    assert picture[0, 1:4, 6:10].unique().tolist() == [128]  # 127.5 rounds to even
    assert picture[0, 5:8, 1:5].unique().tolist() == [255]
    assert picture[0, 0].unique().tolist() == [255]


def test_a_grid_keeps_colours_and_clamps() -> None:
    image = torch.tensor([5.0, -5.0, 0.2]).view(1, 3, 1, 1)
    assert grid(image, padding=0).flatten().tolist() == [255, 0, 153]


# -------------------------------------------------------------------------------------------------- points of the plane


def cloud(x: float, y: float) -> torch.Tensor:
    """Points so close that they make a spot of one colour."""
    return torch.tensor([x, y]).view(1, 2, 1, 1) + 0.01 * torch.randn(
        200, 2, 1, 1, generator=torch.Generator().manual_seed(0)
    )


def near(picture: torch.Tensor, colour: str, tolerance: int = 40) -> torch.Tensor:
    """Where a picture has a colour: (rows, columns) of the pixels."""
    wanted = torch.tensor([int(colour[i : i + 2], 16) for i in (1, 3, 5)]).view(3, 1, 1)
    return ((picture.int() - wanted).abs().amax(0) < tolerance).nonzero().float()


def plane(*points: tuple[float, float], levels: torch.Tensor | None = None) -> torch.Tensor:
    """Where a picture with nothing else in it puts points of the plane: (row, column) each."""
    nowhere = torch.full((1, 2, 1, 1), 50.0)
    return torch.stack([near(scatter(cloud(x, y), nowhere, "", levels), REAL).median(0).values for x, y in points])


def test_real_and_fake_points_are_where_they_should_be() -> None:
    picture = scatter(cloud(-0.5, 0.25), cloud(0.6, -0.7), "")
    places = plane((-0.5, 0.25), (0.6, -0.7), (0.0, 0.0), (1.0, 0.0), (0.0, 1.0))
    legend = 40  # rows from the top, where the colours are explained
    for colour, place in ((REAL, places[0]), (FAKE, places[1])):
        spots = near(picture, colour)
        assert len(spots) > 30
        torch.testing.assert_close(spots[spots[:, 0] > legend].median(0).values, place, atol=2.0, rtol=0)
    centre, right, up = places[2:]
    assert right[1] - centre[1] == pytest.approx(centre[0] - up[0], abs=2)  # equal aspect, y upwards
    assert right[1] - centre[1] > 150
    assert abs(right[0] - centre[0]) <= 2 >= abs(up[1] - centre[1])


def lines(levels: torch.Tensor) -> torch.Tensor:
    """Pixels (rows, columns) inside the axes that are not white, in a picture of level lines alone."""
    nowhere = torch.full((1, 2, 1, 1), 50.0)
    picture = scatter(nowhere, nowhere, "", levels)
    plain = scatter(nowhere, nowhere, "")
    assert picture.shape == plain.shape
    return picture.int().sum(0)


def test_level_lines_follow_the_logits() -> None:
    """Where D rises along x alone, the lines are vertical: every column of the picture has one colour."""
    side = torch.linspace(-1.5, 1.5, 100)
    along_x = lines(side.expand(100, 100))  # rows from bottom to top: a row has all x
    middle = along_x[150:400, 100:450].float()
    assert middle.std(0).max() < 3
    assert middle.mean(0).std() > 5
    along_y = lines(side[:, None].expand(100, 100))[150:400, 100:450].float()
    assert along_y.std(1).max() < 3
    assert along_y.mean(1).std() > 5
    # darker is higher, as the bar beside says: y grows upwards
    assert along_y[:20].mean() < along_y[-20:].mean()


def test_a_line_is_drawn_at_each_level() -> None:
    """D's logit is x, the levels are the round numbers: a line at 0.2, darker than either side, and none at 0.3."""
    levels = torch.linspace(-1.5, 1.5, 100).expand(100, 100)
    left, right = plane((0.2, 0.5), (0.3, 0.5), levels=levels)[:, 1].int().tolist()
    row = lines(levels)[200]
    assert row[left - 2 : left + 3].min() < min(row[left - 5], row[left + 5]) - 50
    assert row[right - 2 : right + 3].unique().numel() == 1


def test_levels_that_say_nothing_leave_the_picture_as_it_is() -> None:
    real, fake = cloud(0, 0), cloud(0.5, 0.5)
    plain = scatter(real, fake, "x")
    for levels in (torch.full((100, 100), 3.0), torch.full((100, 100), float("nan"))):
        assert torch.equal(scatter(real, fake, "x", levels), plain)


def test_axes_are_the_same_in_a_whole_run() -> None:
    """A spot far out moves nothing else, with and without it; G reaches 1 and is in the picture."""
    assert LIMIT > 1
    spot = near(scatter(cloud(0.3, 0.3), cloud(0.9, 0.9), "x"), REAL)
    other = near(scatter(cloud(0.3, 0.3), cloud(-40, 7), "x"), REAL)
    assert torch.equal(spot, other)


def test_points_are_one_picture_a_generator_and_images_are_not_points() -> None:
    points = torch.zeros(4, 2, 1, 1)
    every = Samples({"real": points, "generator": points, "average": points})
    assert every.are_points
    shown = pictures(3, every)
    assert set(shown) == {"generator", "average"}
    assert not torch.equal(shown["generator"].pixels, shown["average"].pixels)  # their titles differ
    assert pictures(3, every) is shown  # the second observer asks for nothing new
    assert not Samples({"generator": torch.zeros(4, 1, 2, 1)}).are_points


def test_pictures_of_points_are_files_and_in_tensorboard(tmp_path: Path) -> None:
    points = torch.zeros(4, 2, 1, 1)
    samples = Samples({"real": points, "generator": points}, levels=torch.randn(100, 100))
    for observer in (Files(tmp_path), TensorBoard(tmp_path, "")):
        observer.started(0, 10)
        observer.sampled(5, samples)
        observer.closed()
    assert [file.name for file in (tmp_path / "samples").iterdir()] == ["step-0000005-generator.png"]
    saved = np.asarray(Image.open(tmp_path / "samples" / "step-0000005-generator.png"))
    assert np.array_equal(saved, pictures(5, samples)["generator"].pixels.permute(1, 2, 0).numpy())
    assert read(tmp_path).Tags()["images"] == ["1 samples/generated beside real"]


def test_drawing_leaves_no_figures_behind() -> None:
    """pyplot would keep every figure of a long run."""
    code = "import sys, torch; from ganlab.monitor.scatter import scatter; p = torch.zeros(2, 2, 1, 1); scatter(p, p, '', torch.randn(9, 9)); sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_files(tmp_path: Path) -> None:
    files = Files(tmp_path)
    files.started(0, 10)
    files.logged(5, VALUES)
    files.sampled(5, Samples({"generator": torch.zeros(4, 1, 3, 3), "real": torch.ones(4, 1, 3, 3)}))
    files.flush()
    files.closed()
    assert json.loads((tmp_path / "metrics.jsonl").read_text()) == {"step": 5, **VALUES}
    assert np.asarray(Image.open(tmp_path / "samples" / "step-0000005-generator.png")).shape == (12 * 43, 12 * 43, 3)
    assert (tmp_path / "samples" / "real.png").exists()


def test_rows_after_the_checkpoint_are_cut_off_and_none_stands_twice(tmp_path: Path) -> None:
    files = Files(tmp_path)
    files.started(0, 10)
    for step in (2, 4, 6):
        files.logged(step, VALUES)
    files.closed()
    with (tmp_path / "metrics.jsonl").open("a") as rows:
        rows.write('{"step": 8, "discr')  # killed while writing
    again = Files(tmp_path)
    again.started(4, 10)
    again.logged(6, VALUES)
    again.closed()
    steps = [json.loads(row)["step"] for row in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert steps == [2, 4, 6]


def test_tensorboard_has_scalars_pictures_and_the_configuration(tmp_path: Path) -> None:
    board = TensorBoard(tmp_path, "loss: {name: bce}")
    board.started(0, 10)
    board.logged(5, VALUES)
    board.sampled(5, Samples({"generator": torch.zeros(4, 1, 3, 3), "average": torch.zeros(4, 1, 3, 3)}))
    board.closed()
    events = read(tmp_path)
    assert set(events.Tags()["scalars"]) == {chart_of(tag).tag for tag in VALUES}
    assert events.Scalars(LOSS)[0].value == 2.5
    described = events.SummaryMetadata(LOSS)
    assert described.display_name == "generator loss"
    assert described.summary_description.startswith("The loss that G minimized")
    assert set(events.Tags()["images"]) == {"1 samples/generated beside real"}
    assert (
        "| generator loss |" in events.Tensors("about the charts/text_summary")[0].tensor_proto.string_val[0].decode()
    )
    text = events.Tensors("configuration/text_summary")[0].tensor_proto.string_val[0].decode()
    assert "    loss: {name: bce}" in text


def test_tensorboard_hides_what_happens_again(tmp_path: Path) -> None:
    board = TensorBoard(tmp_path, "")
    board.started(0, 10)
    for step in (2, 4, 6, 8):
        board.logged(step, {"generator/loss": float(step)})
    board.closed()
    again = TensorBoard(tmp_path, "")
    again.started(4, 10)
    again.logged(6, {"generator/loss": 60.0})
    again.closed()
    assert [(event.step, event.value) for event in read(tmp_path).Scalars(LOSS)] == [
        (2, 2),
        (4, 4),
        (6, 60),
    ]


def test_the_bar_is_quiet_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    bar = Progress()
    bar.started(0, 10)
    bar.stepped(1)
    bar.logged(1, VALUES)
    bar.closed()
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""
