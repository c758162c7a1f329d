"""Constants and repeats are not drawn until they say something, also over a resume."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from ganlab.monitor import TensorBoard

BLOCKED = "3 health/generator updates left out"
RATE = "4 details/generator learning rate"
ADVERSARIAL = "4 details/generator adversarial loss"
LOSS = "2 losses and scores/generator loss"

RATES = [2.0, 2.0, 2.0, 1.0, 1.0, 2.0]
LEFT_OUT = [0.0, 0.0, 0.25, 0.0, 0.0, 0.0]
ADVERSARIALS = [1.0, 1.0, 1.0, 1.0, 0.5, 1.0]


def log(board: TensorBoard, steps: Sequence[int]) -> None:
    for step in steps:
        board.logged(
            step,
            {
                "generator/loss": 1.0,
                "generator/adversarial": ADVERSARIALS[step - 1],
                "generator/blocked": LEFT_OUT[step - 1],
                "generator/learning_rate": RATES[step - 1],
            },
        )


def curves(folder: Path) -> dict[str, list[tuple[int, float]]]:
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0}).Reload()
    found = {tag: [(one.step, one.value) for one in events.Scalars(tag)] for tag in events.Tags()["scalars"]}
    return {tag: points for tag, points in found.items() if points}


EXPECTED = {
    LOSS: [(step, 1.0) for step in range(1, 7)],
    BLOCKED: [(3, 0.25), (4, 0.0), (5, 0.0), (6, 0.0)],
    RATE: [(4, 1.0), (5, 1.0), (6, 2.0)],
    ADVERSARIAL: [(5, 0.5), (6, 1.0)],
}


def test_a_curve_begins_with_the_first_value_that_says_something(tmp_path: Path) -> None:
    board = TensorBoard(tmp_path, "")
    board.started(0, 6)
    log(board, [1, 2])
    assert set(curves(tmp_path)) == {LOSS}
    log(board, [3, 4, 5, 6])
    board.closed()
    assert curves(tmp_path) == EXPECTED


@pytest.mark.parametrize(("checkpoint", "killed"), [(1, 1), (1, 5), (2, 3), (2, 6), (3, 3), (3, 4), (4, 6), (5, 5)])
def test_a_resumed_run_draws_what_an_unbroken_one_does(checkpoint: int, killed: int, tmp_path: Path) -> None:
    first = TensorBoard(tmp_path, "")
    first.started(0, 6)
    log(first, range(1, killed + 1))
    first.flush()
    again = TensorBoard(tmp_path, "")
    again.started(checkpoint, 6)
    log(again, range(checkpoint + 1, 7))
    again.closed()
    assert curves(tmp_path) == EXPECTED


def test_a_run_that_went_back(tmp_path: Path) -> None:
    board = TensorBoard(tmp_path, "")
    board.started(0, 6)
    log(board, [1, 2, 3, 4, 5])
    board.rolled_back(1)
    log(board, [2])
    assert set(curves(tmp_path)) == {LOSS}
    log(board, [3, 4, 5, 6])
    board.closed()
    assert curves(tmp_path) == EXPECTED


def test_a_file_that_a_kill_cut_short_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    first = TensorBoard(tmp_path, "")
    first.started(0, 6)
    log(first, [1, 2, 3, 4])
    first.closed()
    (file,) = tmp_path.glob("events*")
    file.write_bytes(file.read_bytes()[:-7])
    again = TensorBoard(tmp_path, "")
    again.started(3, 6)
    assert set(again.held_back.drawn) == {LOSS, BLOCKED}
    assert again.held_back.constants == {RATE: (1, 2.0)}
    again.closed()
