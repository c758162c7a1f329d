"""What happens to a training whose numbers run away: which of them is told, and what each policy does."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ganlab import tree_file
from ganlab.errors import Diverged, TrainingFailed
from ganlab.monitor import Files, TensorBoard
from ganlab.training import checkpoint
from ganlab.training.divergence import LOSS_LIMIT, Rollback, Skip, Stop
from ganlab.training.divergence_cause import advice
from ganlab.training.divergence_monitor import DivergenceMonitor
from ganlab.training.learner import Learner
from ganlab.training.observer import Observer
from ganlab.training.optimizers import Adam
from ganlab.training.trainer import Trainer
from ganlab.types import Regularizer, Update
from tests.monitor.test_monitor import read
from tests.training.test_trainer import assert_same_state

Make = Callable[..., Trainer]

# A rate that throws G's weights out of range at once; times 1e-30 it is none at all.
RUNAWAY = {"optimizer": {"generator": {"name": "sgd", "lr": 1e30}}, "logging": {"every": 1}, "steps": 6}


class Steps(Observer):
    def __init__(self) -> None:
        self.told: list[tuple[str, int]] = []
        self.values: list[Mapping[str, float]] = []

    def logged(self, step: int, values: Mapping[str, float]) -> None:
        self.told.append(("logged", step))
        self.values.append(values)

    def rolled_back(self, step: int) -> None:
        self.told.append(("returned", step))


@dataclass(frozen=True)
class Breaking(Regularizer):
    """A term of D's loss that is not finite at some steps, by its value alone or by its gradient alone."""

    at: tuple[int, ...]
    trainer: Any
    by: str = "value"
    weight: float = 1.0
    interval: int = 1

    def discriminator(self, update: Update) -> Tensor | None:
        logits = update.fake_output.logits
        if self.trainer().step not in self.at:
            return logits.sum() * 0
        if self.by == "value":
            return torch.full_like(logits.sum(), float("inf"))
        zero = (logits * 0).sum()
        return zero.sqrt() if self.by == "gradient" else logits.sum() * float("nan")


def breaking(make: Make, at: tuple[int, ...], by: str = "value", **changes: Any) -> Trainer:
    trainer = make(**changes)
    regularizer = Breaking(at, lambda: trainer, by)
    trainer.stepper.gan = replace(trainer.gan, regularizers={**trainer.gan.regularizers, "breaking": regularizer})
    return trainer


def test_a_loss_that_is_not_finite_moves_nothing_though_its_gradient_is() -> None:
    torch.manual_seed(0)
    learner = Learner("generator", nn.Linear(3, 2), Adam(lr=0.1, betas=(0.5, 0.9)))
    before = [parameter.clone() for parameter in learner.parameters]
    learner.backward(learner.network(torch.ones(1, 3)).sum() + float("inf"))
    assert learner.apply()["generator/blocked"] == 1
    assert all(torch.equal(a, b) for a, b in zip(learner.parameters, before, strict=True))
    learner.backward(learner.network(torch.ones(1, 3)).sum())
    assert learner.apply()["generator/blocked"] == 0


def test_the_layer_nearest_to_the_loss_is_told_first() -> None:
    network = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2), nn.Linear(2, 2))
    learner = Learner("generator", network, Adam(lr=0.1, betas=(0.5, 0.9)))
    hidden = network[1](network[0](torch.ones(1, 2)))
    learner.backward(network[2](hidden.detach()).sum() + (hidden * 0).sum().sqrt())  # √ has no slope at 0
    learner.apply()
    assert learner.not_finite() == ["0.weight", "0.bias", "1.weight", "1.bias"]
    learner.clear_norms()
    assert learner.not_finite() == []


@pytest.mark.parametrize(
    ("by", "told"),
    [
        ("value", "in its loss breaking"),
        ("gradient", "its gradient first in "),
        ("both", "in its loss breaking, its gradient first in "),
    ],
)
def test_the_term_and_the_layer_are_told(
    make_trainer: Make, by: str, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    trainer = breaking(make_trainer, (1,), by, steps=4, logging={"every": 2}, divergence="skip")
    trainer.run()
    (note,) = [message for message in caplog.messages if "discriminator" in message]
    assert note.startswith("note: at step 2 50 % of the discriminator's updates")
    assert told in note
    assert ("its loss" in note) == (by != "gradient")
    if by != "value":
        last = trainer.discriminator.names[-1]
        count = len(trainer.discriminator.names)
        assert f"first in {last} ({count} of {count} parameters)" in note


def test_stop_waits_as_many_steps_as_it_is_told(make_trainer: Make, tmp_path: Path) -> None:
    for patience in (2, 4):
        trainer = breaking(
            make_trainer, tuple(range(1, 9)), folder=tmp_path / str(patience), steps=9, logging={"every": 1},
            divergence={"name": "stop", "patience": patience},
        )  # fmt: skip
        with pytest.raises(TrainingFailed, match=r"breaking.*resume_override=true"):
            trainer.run()
        assert trainer.step == 1 + patience
        state = checkpoint.newest(tmp_path / str(patience) / "checkpoints")[1]
        assert state["step"] == 1 + patience
        assert all(tensor.isfinite().all() for tensor in state["discriminator"]["network"].values())


def test_skip_goes_on_to_the_end(make_trainer: Make) -> None:
    trainer = breaking(make_trainer, tuple(range(1, 30)), steps=30, logging={"every": 1}, divergence="skip")
    trainer.run()
    assert trainer.step == 30
    assert all(parameter.isfinite().all() for parameter in trainer.discriminator.parameters)


def test_float16_fails_only_where_its_scale_has_gone(make_trainer: Make) -> None:
    """Its scale is found by overflowing; an update that fails unscaled too is another matter."""
    network = nn.Linear(2, 1)
    learner = Learner("generator", network, Adam(lr=0.1, betas=(0.5, 0.9)), dtype=torch.float16)
    divergence_monitor = DivergenceMonitor(Stop(patience=1))
    assert learner.scaler is not None
    for _ in range(17):
        assert divergence_monitor.check([learner], ["adversarial"], {"generator/blocked": 1.0}, 1, 1) is None
        learner.backward(network(torch.ones(1, 2)).sum() * float("inf"))
        learner.apply()
    problem = divergence_monitor.check([learner], ["adversarial"], {"generator/blocked": 1.0}, 1, 1)
    assert problem is not None
    assert problem.action == "stop"


# -------------------------------------------------------------------------------------------------------------- rollback


def test_verdicts() -> None:
    policy = Rollback(patience=3, times=2)
    assert [policy.action(stuck, 0) for stuck in (0, 2, 3)] == ["go on", "go on", "go back"]
    assert [policy.action(3, rollbacks) for rollbacks in (1, 2)] == ["go back", "stop"]
    assert Skip().action(10**9, 0) == "go on"


def test_it_goes_back_with_lower_rates_and_finishes(make_trainer: Make, caplog: pytest.LogCaptureFixture) -> None:
    """From the first step already, before there would be a checkpoint by itself."""
    steps = Steps()
    trainer = make_trainer(
        **RUNAWAY, observers=(steps,), divergence={"name": "rollback", "patience": 2, "rate": 1e-35, "times": 1}
    )
    trainer.run()
    assert trainer.step == 6
    # the weights are gone after step 1: steps 2 and 3 are left out
    assert steps.told == [
        *(("logged", step) for step in (1, 2, 3)), ("returned", 0), *(("logged", step) for step in range(1, 7)),
    ]  # fmt: skip
    assert steps.values[2]["generator/learning_rate"] == 1e30
    assert steps.values[3]["generator/learning_rate"] == pytest.approx(1e-5)
    assert steps.values[3]["discriminator/learning_rate"] == pytest.approx(2e-39)
    assert any("Back to step 0 for time 1, with learning rates times 1e-35" in message for message in caplog.messages)


def test_it_goes_back_so_often_and_then_ends(make_trainer: Make) -> None:
    for times in (1, 2):
        steps = Steps()
        trainer = make_trainer(
            **RUNAWAY, observers=(steps,), divergence={"name": "rollback", "patience": 2, "rate": 0.5, "times": times}
        )
        with pytest.raises(TrainingFailed, match=f"had gone back {times} times"):
            trainer.run()
        assert steps.told.count(("returned", 0)) == times
        assert steps.values[-1]["generator/learning_rate"] == 1e30 * 0.5**times


def test_it_goes_back_to_the_last_good_checkpoint_and_takes_the_later_ones_away(
    make_trainer: Make, tmp_path: Path
) -> None:
    """Those that were saved when updates were already left out are not good."""
    trainer = breaking(
        make_trainer, (), steps=9, logging={"every": 1}, checkpoint={"every": 1, "keep": 2},
        divergence={"name": "rollback", "patience": 3},
    )  # fmt: skip
    regularizer = Breaking((4, 5, 6), lambda: trainer)
    trainer.stepper.gan = replace(trainer.gan, regularizers={"breaking": regularizer})
    seen: dict[str, list[int]] = {}

    def there() -> list[int]:
        return [tree_file.head(path)["step"] for path in checkpoint.numbered(tmp_path / "checkpoints")]

    class Back(Observer):
        def logged(self, step: int, values: Mapping[str, float]) -> None:
            seen.setdefault(f"at {step}", there())

        def rolled_back(self, step: int) -> None:
            """By then the later ones are gone: after a kill here the rows of their steps are taken back on resume."""
            seen["gone back"] = there()
            trainer.stepper.gan = replace(trainer.gan, regularizers={"breaking": Breaking((), lambda: trainer)})

    trainer.observers._observers = [Back()]
    trainer.run()
    assert seen["at 7"] == [3, 4, 5, 6]
    assert seen["gone back"] == [3, 4]
    assert trainer.step == 9
    assert trainer.generator.rate_factor == 0.5


def rows(folder: Path) -> list[dict[str, Any]]:
    every = [json.loads(row) for row in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{tag: value for tag, value in row.items() if "per_second" not in tag} for row in every]


def test_a_stop_anywhere_around_going_back_changes_nothing(make_trainer: Make, tmp_path: Path) -> None:
    """The lowered rate, what is logged, and how often it may go back still: as if it had never been stopped."""
    changes = {
        **RUNAWAY, "logging": {"every": 2}, "checkpoint": {"every": 1}, "steps": 8,
        "divergence": {"name": "rollback", "patience": 4, "rate": 1e-20, "times": 2},
    }  # fmt: skip

    def begun(folder: Path) -> Trainer:
        folder.mkdir(exist_ok=True)
        return make_trainer(**changes, folder=folder, observers=(Files(folder), TensorBoard(folder, "")))

    whole = begun(tmp_path / "whole")
    whole.run()
    # first to step 1, whose weights have run away already, and then to step 0
    assert (whole.divergence_monitor.rollbacks, whole.divergence_monitor.rollback_step) == (2, 0)
    for stop in (1, 5, 6, 8, 11, 13):  # in steps taken, those that were gone through twice too
        folder, taken = tmp_path / str(stop), 0
        first = begun(folder)

        class Stop(Observer):
            def stepped(self, step: int, trainer: Trainer = first, stop: int = stop) -> None:
                nonlocal taken
                taken += 1
                trainer.stop_requested = taken == stop

        first.observers._observers = [*first.observers._observers, Stop()]
        first.run()
        second = begun(folder)
        second.restore(checkpoint.newest(folder / "checkpoints")[1])
        second.run()
        assert_same_state(whole, second)
        assert rows(folder) == rows(tmp_path / "whole")
        ours, theirs = read(tmp_path / "whole"), read(folder)
        for tag in ours.Tags()["scalars"]:
            if "per second" not in tag:
                expected = [(event.step, event.value) for event in ours.Scalars(tag)]
                assert str([(event.step, event.value) for event in theirs.Scalars(tag)]) == str(expected), tag


# ------------------------------------------------------------------------------------------- runs that learned nothing


def explode(trainer: Trainer, **weights: float) -> None:
    """Makes the largest weight of a network as large as that."""
    for name, weight in weights.items():
        with torch.no_grad():
            getattr(trainer, name).parameters[0].view(-1)[0] = weight


def verdict(trainer: Trainer) -> str:
    """What a run that did all its steps is found to be."""
    diverged = trainer.divergence_monitor.diverged((trainer.generator, trainer.discriminator), trainer.step)
    return str(diverged or "")


@pytest.mark.parametrize(
    ("at", "steps", "told"),
    [
        ((), 30, ""),
        ((29,), 30, ""),  # a single one, be it the last
        (range(21, 30), 30, ""),  # the last 9
        (range(20, 30), 30, "10 of the discriminator's 30 updates until step 30"),  # the last 10
        (range(16), 30, "16 of the discriminator's 30 updates until step 30"),  # more than half
        (range(15), 30, ""),
        (range(3, 6), 6, ""),
        (range(2, 6), 6, "those of the last 4 steps among them"),
    ],
)
@pytest.mark.parametrize("every", [1, 7, 50])
def test_a_run_whose_updates_are_left_out_has_diverged(
    at: Any, steps: int, told: str, every: int, make_trainer: Make
) -> None:
    """However often numbers are logged."""
    trainer = breaking(make_trainer, tuple(at), steps=steps, logging={"every": every}, divergence="skip")
    trainer.run()
    assert trainer.step == steps
    assert told in verdict(trainer) if told else verdict(trainer) == ""


def test_the_counts_survive_a_resume(make_trainer: Make, tmp_path: Path) -> None:
    """Half of a log interval is in each part."""
    changes = {"steps": 14, "logging": {"every": 5}, "divergence": "skip", "checkpoint": {"every": 7}}
    whole = breaking(make_trainer, tuple(range(3, 13)), folder=tmp_path / "whole", **changes)
    whole.run()
    part = breaking(make_trainer, tuple(range(3, 13)), folder=tmp_path / "part", **changes)
    part.restore(tree_file.read(tmp_path / "whole" / "checkpoints" / "step-0000007.safetensors"))
    part.run()
    assert part.divergence_monitor.state() == whole.divergence_monitor.state()
    assert part.divergence_monitor.left_out == {"generator": 0, "discriminator": 10}
    assert verdict(part) == verdict(whole) != ""


def test_patience_counts_steps_and_not_log_intervals(make_trainer: Make) -> None:
    """One finite update at the start of an interval does not hide those that are left out after it."""
    trainer = breaking(make_trainer, tuple(range(1, 40)), steps=40, logging={"every": 40})
    with pytest.raises(Diverged, match=r"At step 40 .* for 39 steps") as error:
        trainer.run()
    assert error.value.step == 40


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        (
            {"loss": "lsgan", "norm": {"discriminator": {"layer": "none"}},
             "optimizer": {"discriminator": {"name": "adam", "lr": 1e6}}},
            "discriminator",
        ),
        ({"optimizer": {"generator": {"name": "adam", "lr": 1e38}}}, "generator"),
    ],
)  # fmt: skip
def test_the_advice_names_the_network_at_fault(changes: dict[str, Any], fault: str, make_trainer: Make) -> None:
    """Both networks' updates are left out: the weights tell which one began it."""
    with pytest.raises(Diverged) as error:
        make_trainer(steps=40, logging={"every": 20}, **changes).run()
    said = str(error.value)
    assert f"the gradients of the {fault} had been" in said
    assert f"begin a new run with optimizer.{fault}.lr=0.0002" in said
    assert said.count("optimizer.") == 1


def test_both_networks_at_fault(make_trainer: Make) -> None:
    trainer = make_trainer()
    learners = (trainer.generator, trainer.discriminator)
    assert "resume_override=true" in advice(learners, trainer.discriminator)
    explode(trainer, generator=5e3, discriminator=1e4)
    assert advice(learners).endswith("optimizer.generator.lr=2e-05 optimizer.discriminator.lr=2e-05")
    explode(trainer, discriminator=1e8)
    assert "optimizer.generator" not in advice(learners)


def test_a_loss_beyond_float32s_whole_numbers_is_told(make_trainer: Make, caplog: pytest.LogCaptureFixture) -> None:
    optimizer = {name: {"name": "adam", "lr": 1e10} for name in ("generator", "discriminator")}
    trainer = make_trainer(steps=6, logging={"every": 2}, optimizer=optimizer)
    trainer.run()
    notes = [message for message in caplog.messages if "divergence.loss_limit=1.68e+07" in message]
    assert 1 <= len(notes) <= 2  # once for each network
    assert "begin a new run with optimizer.discriminator.lr=0.0002" in notes[0]
    assert "for 4 of 6 steps the mean loss of the generator was beyond" in verdict(trainer)
    # 2^24 + 1 is no float32: the reason for the limit
    assert torch.tensor(LOSS_LIMIT) + 1 == torch.tensor(LOSS_LIMIT) != torch.tensor(LOSS_LIMIT) - 1
    quiet = make_trainer(
        steps=6, logging={"every": 2}, optimizer=optimizer, divergence={"name": "stop", "loss_limit": 1e38}
    )
    quiet.run()
    assert verdict(quiet) == ""
