"""What is written and shown of inspections, and that a run is the same with and without one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from ganlab.commands.launch.training_run import train
from ganlab.diagnosis.inspection import Combination, Inspections, Inspector
from ganlab.diagnosis.inspection.chart import Line, Panel, limits
from ganlab.diagnosis.inspection.figure import figure
from ganlab.monitor import Files
from ganlab.run_folder import RunFolder
from ganlab.training.trainer import Trainer
from tests.conftest import tiny
from tests.diagnosis.inspection.test_judgement import inspection, network
from tests.training.test_trainer import assert_same_state

Make = Callable[..., Trainer]

WITH_RANDOM_PARTS: dict[str, Any] = {
    "steps": 2,
    "discriminator": {"name": "dcgan", "width": 4, "dropout": 0.5},
    "norm": {"generator": {"layer": "batch"}, "discriminator": {"layer": "batch", "weight": "spectral"}},
    "augment": {"ada": {}},
    "regularizer": {"lecam": {}},
    "averaging": "ema",
    "logging": {"inspection": True},
}


def test_training_is_bit_identical_with_and_without(make_trainer: Make, tmp_path: Path) -> None:
    """With everything that an inspection could disturb: dropout, batch statistics, spectral vectors, and state."""
    trainers = []
    for name, inspected in (("with", True), ("without", False)):
        (tmp_path / name).mkdir()
        trainer = make_trainer((Files(tmp_path / name),), folder=tmp_path / name, **WITH_RANDOM_PARTS)
        trainer.reports.inspect = trainer.reports.inspect if inspected else None
        torch.manual_seed(5)
        trainer.run()
        trainers.append((trainer, torch.random.get_rng_state()))
        assert (tmp_path / name / "inspection.json").exists() == inspected
    assert_same_state(trainers[0][0], trainers[1][0])
    assert torch.equal(trainers[0][1], trainers[1][1])


def test_it_can_be_switched_off(make_trainer: Make) -> None:
    assert make_trainer(logging={"inspection": True}).reports.inspect is not None
    assert make_trainer(logging={"inspection": False}).reports.inspect is None


def test_an_inspection_changes_nothing_of_the_networks(make_trainer: Make) -> None:
    trainer = make_trainer(**WITH_RANDOM_PARTS)
    networks = [trainer.gan.generator, trainer.gan.discriminator]
    assert all(isinstance(one, torch.nn.Module) for one in networks)
    before = [{key: value.clone() for key, value in one.state_dict().items()} for one in networks]  # type: ignore[attr-defined]
    drawn, generator = trainer.feed.drawn, torch.random.get_rng_state()
    one, again = (Inspector(0).inspection(trainer.gan, trainer.feed) for _ in range(2))
    assert one == again
    assert one != Inspector(1).inspection(trainer.gan, trainer.feed)
    for network_, state in zip(networks, before, strict=True):
        assert all(torch.equal(value, state[key]) for key, value in network_.state_dict().items())  # type: ignore[attr-defined]
        assert all(value.grad is None for value in network_.parameters())  # type: ignore[attr-defined]
    assert (trainer.feed.drawn, torch.equal(generator, torch.random.get_rng_state())) == (drawn, True)


def test_a_run_has_figure_and_table_in_its_folder_and_in_tensorboard(tmp_path: Path) -> None:
    assert train(tiny(steps=1, logging={"inspection": True}), RunFolder(tmp_path)).status == "finished"
    plain = json.loads((tmp_path / "inspection.json").read_text(encoding="utf-8"))
    (only,) = plain["combinations"]
    assert only["sentence"] in (tmp_path / "inspection.txt").read_text(encoding="utf-8")
    assert [layer["name"] for layer in only["generator"]["layers"]] == ["project", "blocks.0", "output"]
    assert len(only["jacobian"]) == 3
    with Image.open(tmp_path / "inspection.png") as picture:
        assert picture.width > 400
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    assert [event.step for event in events.Images("3 health/initialization")] == [0]
    (table,) = events.Tensors("inspection/text_summary")
    assert only["sentence"] in table.tensor_proto.string_val[0].decode()


def test_an_inspection_that_fails_does_not_end_a_run(
    make_trainer: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*args: Any) -> Any:
        raise ZeroDivisionError("nothing to divide by")

    trainer = make_trainer((Files(tmp_path),), steps=1)
    trainer.reports.inspect = broken
    trainer.run()
    assert trainer.step == 1
    assert "could not be inspected (ZeroDivisionError: nothing to divide by); training goes on" in caplog.text


def found(**levels: str) -> Combination:
    return Combination(" ".join(f"{key}={value}" for key, value in levels.items()), levels, inspection())


def test_initializers_are_lines_and_other_keys_are_blocks() -> None:
    """The width of a figure is that of its blocks side by side."""
    one = figure([found(init="he"), found(init="normal")])
    several = figure([found(init=init, norm=norm) for init in ("he", "normal") for norm in ("batch", "none")])
    seeds = figure([found(init="he", seed=seed) for seed in ("0", "1")])
    only = figure([found()])
    assert several.shape[2] == 2 * one.shape[2]
    assert seeds.shape == one.shape
    assert only.shape[2] == one.shape[2]
    blue, orange = (
        (one.permute(1, 2, 0) == torch.tensor(colour)).all(2).any() for colour in ((0, 114, 178), (213, 94, 0))
    )
    assert blue
    assert orange


def test_a_figure_of_values_that_are_zero_infinite_or_unknown() -> None:
    broken = inspection(network((1, 0, float("inf")), (0, float("nan"), 1)))
    assert figure([Combination("", {}, broken)]).shape[0] == 3
    assert limits([Panel("", [Line([1e-30, 0.0, float("inf"), None, 1.0], 0)])]) == (-12, 2)


def test_files_and_plain_values(tmp_path: Path) -> None:
    some = Inspections([found(init="he"), found(init="normal")], {"init=x": "it cannot run"})
    assert [path.name for path in some.save(tmp_path)] == ["inspection.json", "inspection.txt", "inspection.png"]
    plain = json.loads((tmp_path / "inspection.json").read_text(encoding="utf-8"))
    assert plain == json.loads(json.dumps(some.plain(), allow_nan=False))
    assert [one["levels"] for one in plain["combinations"]] == [{"init": "he"}, {"init": "normal"}]
    assert plain["refused"] == {"init=x": "it cannot run"}
    assert "init=x: refused: it cannot run" in (tmp_path / "inspection.txt").read_text(encoding="utf-8")
    assert "| init=he |" in some.markdown()
