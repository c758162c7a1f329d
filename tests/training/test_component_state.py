"""State of components: observed, saved, restored, and unchanged by what is no finite update of D."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from ganlab import tree_file
from ganlab.augment import AUGMENTATIONS
from ganlab.regularizers import REGULARIZERS
from ganlab.training.component_state import ComponentStates
from ganlab.training.trainer import Trainer
from ganlab.types import Augmentation, DiscriminatorOutput, Observation, Regularizer, State, Update, Values
from tests.training.test_trainer import flat

Make = Callable[..., Trainer]
ADA = {"augment": {"ada": {"interval": 1, "adjust_images": 40}}}
LECAM = {"regularizer": {"lecam": {"decay": 0.5}}}


@dataclass(frozen=True)
class Shade(Augmentation):
    """Somebody's own: darkens by a number that counts the observations."""

    def initial_state(self, device: torch.device) -> State:
        return {"seen": torch.zeros((), device=device), "images": torch.zeros((), dtype=torch.int64, device=device)}

    def augment(self, images: Tensor, rng: torch.Generator, progress: float | Tensor, state: State) -> Tensor:
        return images * 0.9 ** state["seen"]

    def observe(self, state: State, observation: Observation) -> None:
        state["seen"].add_(1)
        state["images"].add_(len(observation.real_output.logits) + len(observation.fake_output.logits))
        assert observation.images == len(observation.real_output.logits)

    def report(self, state: State) -> Values:
        return {"seen": state["seen"]}


@dataclass(frozen=True)
class Counted(Regularizer):
    """Somebody's own: counts its calls in either update, within its term."""

    weight: float = 1.0
    interval: int = 1

    def initial_state(self, device: torch.device) -> State:
        return {"calls": torch.zeros(2, device=device)}

    def discriminator(self, update: Update) -> Tensor:
        update.state["calls"][0].add_(1)
        return update.fake_output.logits.mean() * 0

    def generator(self, update: Update) -> Tensor:
        update.state["calls"][1].add_(1)
        return update.fake_output.logits.mean() * 0


@dataclass(frozen=True)
class Old(Augmentation):
    """Somebody's own, written before there was state."""

    def __call__(self, images: Tensor, rng: torch.Generator, progress: float | Tensor) -> Tensor:
        return images / 2


@pytest.fixture
def _own() -> Iterator[None]:
    added: list[tuple[Any, str, type]] = [
        (AUGMENTATIONS, "shade", Shade), (AUGMENTATIONS, "old", Old), (REGULARIZERS, "counted", Counted),
    ]  # fmt: skip
    for table, name, component in added:
        table.register(name)(component)
    yield
    for table, name, _ in added:
        del table._components[name]


def states_of(trainer: Trainer) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in flat(trainer.gan.states.state()).items()}


def assert_equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        assert torch.equal(tensor, other[name]), name


@pytest.mark.usefixtures("_own")
def test_a_component_of_ones_own(make_trainer: Make) -> None:
    """One observation per update of D, of the whole batch, whatever the microbatches; terms may change it too."""
    trainer = make_trainer(
        augment={"old": {}, "shade": {}}, regularizer={"counted": {}},
        schedule={"name": "alternating", "n_critic": 3, "accumulation": 2},
    )  # fmt: skip
    trainer.train_step()
    trainer.train_step()
    states = states_of(trainer)
    assert states["/augment/shade/seen"] == 6
    assert states["/augment/shade/images"] == 6 * 2 * 8
    assert states["/regularizer/counted/calls"].tolist() == [12, 4]  # each of two microbatches
    assert trainer.gan.states.report() == {"augment/shade/seen": 6.0}
    assert trainer.gan.states.of("augment", "old") == {}


@pytest.mark.parametrize("changes", [ADA, LECAM], ids=["ada", "lecam"])
def test_it_moves_and_is_logged(make_trainer: Make, changes: dict[str, Any]) -> None:
    trainer = make_trainer(**changes)
    before = states_of(trainer)
    for _ in range(2):
        trainer.train_step()
    assert any(not torch.equal(tensor, before[name]) for name, tensor in states_of(trainer).items())
    found = trainer.gan.states.report()
    expected = {"augment/ada/p", "augment/ada/r_t"} if "augment" in changes else {"regularizer/lecam/real", "regularizer/lecam/fake"}  # fmt: skip
    assert found.keys() == expected


@pytest.mark.parametrize("changes", [ADA, LECAM], ids=["ada", "lecam"])
def test_held_out_images_and_samples_leave_it(make_trainer: Make, changes: dict[str, Any]) -> None:
    trainer = make_trainer(**changes, data={"held_out": 16})
    for _ in range(2):
        trainer.train_step()
    before = states_of(trainer)
    trainer._report_values(trainer.meter.read(), 1.0)
    trainer.reports.samples(trainer.step)
    assert_equal(before, states_of(trainer))


@pytest.mark.parametrize("changes", [ADA, LECAM], ids=["ada", "lecam"])
def test_an_update_that_is_not_finite_leaves_it(make_trainer: Make, changes: dict[str, Any]) -> None:
    trainer = make_trainer(**changes)
    for _ in range(2):
        trainer.train_step()
    before, next_reals = states_of(trainer), trainer.feed.next
    trainer.feed.next = lambda count=None: replace(  # type: ignore[method-assign]
        batch := next_reals(count), images=batch.images * torch.nan
    )
    trainer.train_step()
    assert trainer.meter.sums["discriminator/blocked"] == 1
    assert_equal(before, states_of(trainer))
    trainer.feed.next = next_reals  # type: ignore[method-assign]
    trainer.train_step()
    assert any(not torch.equal(tensor, before[name]) for name, tensor in states_of(trainer).items())


@pytest.mark.usefixtures("_own")
def test_a_change_within_a_term_is_taken_back_too() -> None:
    states = ComponentStates({"regularizer": {"counted": Counted()}})
    (calls,) = states.tensors
    calls.add_(torch.tensor([1.0, 2.0]))
    states.finish_update(torch.tensor(0.0))
    calls.add_(5)
    states.finish_update(torch.tensor(1.0))
    assert calls.tolist() == [1, 2]
    calls.copy_(torch.tensor([torch.inf, 3.0]))
    states.finish_update(torch.tensor(0.0))
    assert calls.tolist() == [1, 3]  # an element that is not finite alone


def test_a_checkpoint_without_it_starts_from_its_initial_state(
    make_trainer: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As earlier versions wrote it; and a network that has none reads one that has."""
    both, neither = make_trainer(**ADA, **LECAM), make_trainer()
    initial = states_of(both)
    for trainer in (both, neither):
        trainer.train_step()
    tree_file.write(tmp_path / "new.safetensors", both.state())
    old = both.state()
    del old["components"]
    tree_file.write(tmp_path / "old.safetensors", old)
    with caplog.at_level(logging.WARNING):
        both.restore(tree_file.read(tmp_path / "old.safetensors"))
    assert_equal(initial, states_of(both))
    assert "note: the checkpoint has no state of augment.ada, which starts from its initial state" in caplog.text
    assert "no state of regularizer.lecam" in caplog.text
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        neither.restore(tree_file.read(tmp_path / "new.safetensors"))
        both.restore(tree_file.read(tmp_path / "new.safetensors"))
    assert not caplog.text
    assert states_of(both)["/regularizer/lecam/updates"] == 1


def test_a_tensor_of_another_shape_is_refused() -> None:
    states = ComponentStates({"regularizer": {"counted": Counted()}})
    with pytest.raises(RuntimeError, match=r"calls of regularizer.counted has shape \(3,\), need \(2,\)"):
        states.restore({"regularizer": {"counted": {"calls": torch.zeros(3)}}})


def test_going_back_restores_it(make_trainer: Make) -> None:
    """A divergence sets p back to that of the checkpoint."""
    trainer = make_trainer(**ADA, divergence={"name": "rollback"}, checkpoint={"every": 2})
    trainer.checkpoints.begin()
    for _ in range(2):
        trainer.train_step()
    trainer.save()
    saved = states_of(trainer)
    trainer.train_step()
    assert not torch.equal(saved["/augment/ada/p"], states_of(trainer)["/augment/ada/p"])
    trainer._roll_back("Something.")
    assert trainer.step == 2
    assert_equal(saved, states_of(trainer))


def test_maps_and_heads_are_joined(make_trainer: Make) -> None:
    """D's logits may be a map, and a head comes along."""
    found: list[Observation] = []

    class Watching(Shade):
        def observe(self, state: State, observation: Observation) -> None:
            found.append(observation)

    states = ComponentStates({"augment": {"watching": Watching()}})
    outputs = [DiscriminatorOutput(torch.full((2, 1, 3, 3), float(i)), {"class": torch.ones(2, 5)}) for i in range(4)]
    one, two = Observation(outputs[0], outputs[1], 4, 0.5), Observation(outputs[2], outputs[3], 4, 0.5)
    states.finish_update(torch.tensor(0.0), [one, two])
    assert found[0].real_output.logits.shape == (4, 1, 3, 3)
    assert found[0].fake_output.logits[:, 0, 0, 0].tolist() == [1, 1, 3, 3]
    assert found[0].real_output.heads["class"].shape == (4, 5)
    assert (found[0].images, found[0].boundary) == (8, 0.5)
