from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from ganlab.monitor import Files, Progress, TensorBoard
from ganlab.monitor.grid import grid

VALUES = {"discriminator/loss": 1.5, "generator/loss": 2.5, "progress/images_per_second": 100.0}


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


def test_files(tmp_path: Path) -> None:
    files = Files(tmp_path)
    files.started(0, 10)
    files.logged(5, VALUES)
    files.sampled(5, {"generator": torch.zeros(4, 1, 3, 3), "real": torch.ones(4, 1, 3, 3)})
    files.flush()
    files.closed()
    assert json.loads((tmp_path / "metrics.jsonl").read_text()) == {"step": 5, **VALUES}
    assert np.asarray(Image.open(tmp_path / "samples" / "step-0000005-generator.png")).shape == (12, 12, 3)
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
    board.sampled(5, {"generator": torch.zeros(4, 1, 3, 3), "average": torch.zeros(4, 1, 3, 3)})
    board.closed()
    events = read(tmp_path)
    assert set(events.Tags()["scalars"]) == set(VALUES)
    assert events.Scalars("generator/loss")[0].value == 2.5
    assert set(events.Tags()["images"]) == {"samples/generator", "samples/average"}
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
    assert [(event.step, event.value) for event in read(tmp_path).Scalars("generator/loss")] == [
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
