"""Steps as graphs, as far as a machine without a GPU can show it; the last tests need one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils._pytree import tree_leaves

from ganlab import tree_file
from ganlab.errors import UserError
from ganlab.scalars import Scheduled
from ganlab.training.cuda_graph import EAGER, Graphs, graphs
from ganlab.training.device import Machine, Runtime
from ganlab.training.learner import Learner
from ganlab.training.optimizers import Adam, AdamW, OptimizerSetting
from ganlab.training.trainer import Trainer
from ganlab.types import Augmentation, Values
from tests.training.test_trainer import assert_same_state

Make = Callable[..., Trainer]
CPU = torch.device("cpu")


def moving(start: float, end: float, shape: str = "cosine") -> dict[str, Any]:
    return {"start": start, "end": end, "shape": shape, "from": 0.0, "until": 0.7}


DECAYING = {
    network: {"name": "adam", "decay": decay}
    for network, decay in (("generator", "linear"), ("discriminator", "cosine"))
}
LABELS = {"condition": "projection", "norm": {"discriminator": {"layer": "none", "weight": "spectral"}}}
RUNS: dict[str, dict[str, Any]] = {
    "bce": {},
    "decays, average, n_critic": {
        "optimizer": DECAYING, "averaging": {"name": "ema"}, "schedule": {"name": "alternating", "n_critic": 5},
    },
    "wgan_gp": {"loss": "wasserstein", "regularizer": {"gradient_penalty": {}}},
    "hinge, spectral, labels": {"loss": "hinge", **LABELS},
    "uniform labels": {"condition": {"name": "auxiliary", "labels": "uniform"}, "regularizer": {"auxiliary_classifier": {}}},
    "r1 every other update": {
        "norm": {"discriminator": {"layer": "layer"}}, "regularizer": {"r1": {"interval": 2}},
        "schedule": {"name": "alternating", "n_critic": 5},
    },
    "relativistic, a larger batch": {
        "loss": "relativistic", "schedule": {"name": "alternating", "generator_batch_factor": 2},
    },
    "noise that falls": {"augment": {"instance_noise": {"until": 0.7}}, "targets": {"flip": 0.1, "noise": 0.1, "real": 0.9}},
    "top k that falls": {"schedule": {"name": "alternating", "top_k": 0.3}},
    "augmented, two views, in parts": {
        "augment": {"diff_augment": {}}, "regularizer": {"consistency": {"images": "both"}},
        "norm": {"discriminator": {"layer": "layer"}}, "schedule": {"name": "alternating", "accumulation": 2},
    },
    "components with state": {
        "augment": {"ada": {"interval": 2, "adjust_images": 60}}, "regularizer": {"lecam": {"start": 2}},
        "schedule": {"name": "alternating", "accumulation": 2},
    },
    "dropout, bf16": {"discriminator": {"dropout": 0.5}, "runtime": {"precision": "bf16"}, "averaging": "uniform"},
    "clipped": {
        "constraint": "weight_clipping",
        "optimizer": {"generator": {"name": "adamw", "clip_norm": 1e-2}, "discriminator": {"name": "rmsprop", "clip_value": 1e-3}},
    },
    "sgd, packed, minibatch": {
        "optimizer": {"generator": {"name": "sgd", "lr": 0.01, "decay": "linear"}, "discriminator": {"name": "rmsprop", "decay": "cosine"}},
        "discriminator": {"pack": 2, "minibatch": "stddev"}, "norm": {"discriminator": {"layer": "none", "weight": "weight"}},
    },
    "scalars that move": {
        "norm": {"discriminator": {"layer": "layer"}}, "condition": "auxiliary", "constraint": {"name": "weight_clipping", "bound": moving(0.1, 0.02)},
        "regularizer": {
            "r1": {"weight": moving(2.0, 0.2)}, "gradient_penalty": {"at": "neighbourhood", "center": moving(1.0, 0.2), "spread": moving(0.1, 1.0)},
            "auxiliary_classifier": {"weight": moving(1.0, 2.0, "exponential"), "generator_weight": moving(0.0, 1.0, "step")},
        },
        "targets": {name: moving(start, 0.2) for name, start in (("real", 1.0), ("fake", 0.0), ("noise", 0.1), ("flip", 0.0))},
        "augment": {"instance_noise": {"std": moving(0.0, 0.5, "linear")}},
        "optimizer": {
            "generator": {"name": "adam", "lr": moving(1e-3, 1e-2), "clip_norm": moving(0.1, 1.0)},
            "discriminator": {"name": "rmsprop", "lr": moving(1e-3, 1e-4, "exponential"), "clip_value": moving(1e-2, 1e-3)},
        },
        "averaging": {"name": "ema", "decay": moving(0.0, 0.99)},
    },
    "dropout and an augmentation that move": {
        "discriminator": {"dropout": moving(0.0, 0.6)}, "runtime": {"precision": "bf16"},
        "augment": {"ada": {"target": None, "p": moving(0.0, 0.9), "cutout": True}},
    },
    "several g updates, d in every other step": {
        "averaging": {"name": "ema"}, "optimizer": DECAYING,
        "schedule": {"name": "alternating", "generator_updates": 2, "discriminator_every": 2},
    },
    "a burst in every third step": {
        "averaging": "uniform", "schedule": {"name": "alternating", "burst": {"first": 0, "every": 3, "updates": 3}},
    },
    "terms of g": {
        "norm": {"discriminator": {"layer": "layer"}, "generator": {"weight": "equalized"}},
        "regularizer": {"feature_matching": {}, "orthogonal": {}, "weight_penalty": {}, "drift": {}, "r2": {}},
    },
}  # fmt: skip


# ------------------------------------------------------------------------------------- nothing is read from the device

READING = {
    "_local_scalar_dense", "item", "is_nonzero", "equal", "allclose", "nonzero", "nonzero_static", "masked_select",
    "_unique", "_unique2", "unique_dim", "unique_consecutive", "bincount", "repeat_interleave.Tensor",
    "lift_fresh",  # a tensor made of Python's numbers, which a GPU would have to wait for
}  # fmt: skip


class NothingRead(TorchDispatchMode):
    """Fails where a result, or its shape, would have to be known to the host. On a CPU it cannot be seen whether a
    tensor goes to another device."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = str(func).removeprefix("aten.")
        assert name not in READING, f"{func} waits for the device"
        assert name.split(".")[0] not in READING, f"{func} waits for the device"
        if name.startswith(("index.", "index_put")) or name.startswith("_index_put"):
            masks = [one for one in args[1] if one is not None and one.dtype in (torch.bool, torch.uint8)]
            assert not masks, f"{func} with a mask waits for the device"
        return func(*args, **(kwargs or {}))


@pytest.fixture
def _unchecked_one_hot(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a CPU PyTorch looks whether the labels are classes; on a GPU it does not."""

    def one_hot(labels: Tensor, classes: int) -> Tensor:
        return torch.zeros(*labels.shape, classes, dtype=torch.long).scatter(-1, labels[..., None], 1)

    monkeypatch.setattr(F, "one_hot", one_hot)


@pytest.mark.usefixtures("_unchecked_one_hot")
@pytest.mark.parametrize("changes", RUNS.values(), ids=RUNS)
def test_a_step_reads_nothing_from_the_device(make_trainer: Make, changes: dict[str, Any]) -> None:
    trainer = make_trainer(**changes, steps=8)
    permutation = trainer.feed._permutation  # type: ignore[attr-defined]

    def permuted(epoch: int) -> Tensor:
        with _disable_current_modes():  # once an epoch the order of the images comes from the host
            order: Tensor = permutation(epoch)
            return order

    trainer.feed._permutation = permuted  # type: ignore[attr-defined]
    with NothingRead():
        for _ in range(3):
            trainer.train_step()


@pytest.mark.parametrize(
    "read",
    [
        lambda images: images.mean().item(),
        lambda images: bool(images.sum() > 0),
        lambda images: images[images > 0],
        lambda images: images.nonzero(),
        lambda images: images.unique(),
        lambda images: images * torch.tensor(1.0),
    ],
)
def test_a_read_is_noticed(make_trainer: Make, read: Callable[[Tensor], Any]) -> None:
    class Reading(Augmentation):
        def __call__(self, images: Tensor, rng: torch.Generator, progress: float | Tensor) -> Tensor:
            read(images.detach())
            return images

    trainer = make_trainer()
    trainer.stepper.gan = replace(trainer.gan, augmentations={"reading": Reading()})
    with pytest.raises(AssertionError, match="waits for the device"), NothingRead():
        trainer.train_step()


# --------------------------------------------------------------------------------------------- a graph on the processor


def tensors_of(trainer: Trainer) -> list[Tensor]:
    """All that a step may change."""
    learners = (trainer.generator, trainer.discriminator)
    networks = [learner.network for learner in learners] + [one.average.network for one in learners if one.average]
    return [
        *(tensor for network in networks for tensor in network.state_dict().values()),
        *(leaf for one in learners for leaf in tree_leaves(list(one.optimizer.state.values()))),
        *(tensor for one in learners for tensor in (*one._kept, one._norms)),
        *trainer.gan.states.tensors,
        *trainer.gan.states._kept,
    ]


@dataclass
class Call:
    function: Any
    args: Any
    kwargs: Any
    results: list[Any]


class Tape(TorchDispatchMode):
    """What a CUDA graph is, on the CPU: the operations of a step, on the tensors that they met, with the numbers that
    they were given; nothing else of the step happens again."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Call] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        self.calls.append(Call(func, args, kwargs or {}, tree_leaves(result)))
        return result

    @torch.no_grad()
    def replay(self) -> None:
        for call in self.calls:
            if torch.Tag.inplace_view in call.function.tags:
                continue  # the shape of a tensor, which it has already
            again = tree_leaves(call.function(*call.args, **call.kwargs))
            for place, value in zip(call.results, again, strict=True):
                # Views and changes in place are of memory that is filled already.
                if isinstance(place, Tensor) and place.data_ptr() != value.data_ptr():
                    place.copy_(value.view(place.shape))  # before its shape was changed


class Recorder:
    def __init__(self, trainer: Trainer) -> None:
        self.trainer, self.records, self.replays, self.recovered = trainer, 0, 0, 0

    def aside(self) -> AbstractContextManager[None]:
        return nullcontext()

    def record(
        self, body: Callable[[], list[Values]], generators: Sequence[torch.Generator]
    ) -> Callable[[], list[Values]]:
        """As a GPU does it, without a trace: everything is as it was before."""
        self.records += 1
        tape = Tape()
        kept = [(tensor, tensor.clone()) for tensor in tensors_of(self.trainer)]
        states = [(generator, generator.get_state()) for generator in (*generators, torch.default_generator)]
        try:
            with tape:
                reports = body()
        finally:
            with torch.no_grad():
                for tensor, value in kept:
                    tensor.copy_(value)
            for generator, state in states:
                generator.set_state(state)

        def replay() -> list[Values]:
            self.replays += 1
            tape.replay()
            return reports

        return replay

    def recover(self) -> None:
        self.recovered += 1


def with_graphs(trainer: Trainer) -> Recorder:
    recorder = Recorder(trainer)
    trainer.stepper.graphs = Graphs(trainer.discriminator, trainer.generator, recorder, CPU)
    return recorder


STEPS = 12


@pytest.mark.parametrize("name", RUNS)
def test_a_replayed_run_is_the_same_run(make_trainer: Make, name: str) -> None:
    """Weights, averages, optimizers and reports, bit for bit, through every number that moves from step to step."""
    one_by_one, replayed = (make_trainer(**RUNS[name], steps=STEPS) for _ in range(2))
    recorder = with_graphs(replayed)
    for _ in range(STEPS):
        one_by_one.train_step()
        replayed.train_step()
        assert_same_state(one_by_one, replayed)
        assert one_by_one.generator.learning_rate == replayed.generator.learning_rate
    plans = 1 + (
        name in ("r1 every other update", "several g updates, d in every other step", "a burst in every third step")
    )
    first = 1 if name == "top k that falls" else 0  # where G still learns from all
    assert (recorder.records, recorder.replays) == (plans, STEPS - plans * EAGER - first)


def test_a_resumed_run_is_the_same_run(make_trainer: Make, tmp_path: Path) -> None:
    """Stopped among replays, gone on one by one and then in a new recording; also where one trainer is set back."""
    changes = {"optimizer": DECAYING, "averaging": {"name": "ema"}, "augment": {"instance_noise": {}}, "steps": 14}
    unbroken = make_trainer(**changes, folder=tmp_path / "a")
    first, second = (make_trainer(**changes, folder=tmp_path / "b") for _ in range(2))
    for trainer in (first, second):
        with_graphs(trainer)
    for _ in range(6):
        unbroken.train_step()
        first.train_step()
    assert first.stepper.graphs is not None
    assert first.stepper.graphs._graphs
    first.checkpoints.begin()
    path = first.checkpoints.save(first.step, first.state())
    for _ in range(2):
        first.train_step()
    for trainer in (first, second):
        trainer.restore(tree_file.read(path))
    for _ in range(8):
        for trainer in (unbroken, first, second):
            trainer.train_step()
    assert_same_state(unbroken, first)
    assert_same_state(unbroken, second)


@pytest.mark.parametrize(
    "changes",
    [{}, LABELS, {"discriminator": {"dropout": 0.5}}, RUNS["components with state"]],
    ids=["plain", "spectral", "dropout", "state"],
)
def test_a_step_keeps_its_tensors(make_trainer: Make, changes: dict[str, Any]) -> None:
    """A graph writes to addresses: nothing that a step changes may be replaced by another tensor."""
    trainer = make_trainer(**changes, averaging={"name": "ema"})
    trainer.train_step()
    before = [tensor.data_ptr() for tensor in tensors_of(trainer)]
    trainer.train_step()
    assert [tensor.data_ptr() for tensor in tensors_of(trainer)] == before
    assert all(weight.grad is None for weight in (*trainer.generator.parameters, *trainer.discriminator.parameters))


def test_rare_plans_run_one_by_one(make_trainer: Make) -> None:
    """The first step with pretraining comes once."""
    trainer = make_trainer(schedule={"name": "alternating", "pretrain_discriminator": 2}, steps=9)
    recorder = with_graphs(trainer)
    for _ in range(9):
        trainer.train_step()
    assert (recorder.records, recorder.replays) == (1, 9 - 1 - EAGER)


def test_only_so_many_plans_are_recorded(make_trainer: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ganlab.training.cuda_graph.MOST", 1)
    trainer = make_trainer(**RUNS["r1 every other update"], steps=STEPS)
    recorder = with_graphs(trainer)
    for _ in range(STEPS):
        trainer.train_step()
    assert recorder.records == 1


# --------------------------------------------------------------------------------------------------- where it goes wrong


class Counting(Augmentation):
    """Somebody's own, written for numbers: it reads the progress back."""

    def __call__(self, images: Tensor, rng: torch.Generator, progress: float | Tensor) -> Tensor:
        return images * (1 + float(progress))


class Half(Recorder):
    """Fails in the middle of a step, when D has a gradient and G none."""

    def record(self, body: Callable[[], list[Values]], generators: Sequence[torch.Generator]) -> Any:
        backward = self.trainer.generator.backward

        def fail(loss: Tensor) -> None:
            backward(loss)
            raise RuntimeError("CUDA error: operation not permitted\nand more lines of that kind")

        self.trainer.generator.backward = fail  # type: ignore[method-assign]
        try:
            return super().record(body, generators)
        finally:
            self.trainer.generator.backward = backward  # type: ignore[method-assign]


def test_a_failed_recording_leaves_no_trace(make_trainer: Make, caplog: pytest.LogCaptureFixture) -> None:
    changes = {"discriminator": {"dropout": 0.5}, "averaging": {"name": "ema"}, "steps": 8, "condition": "projection"}
    one_by_one, failing = (make_trainer(**changes) for _ in range(2))
    recorder = Half(failing)
    failing.stepper.graphs = Graphs(failing.discriminator, failing.generator, recorder, CPU)
    with caplog.at_level(logging.WARNING, "ganlab"):
        for _ in range(8):
            one_by_one.train_step()
            failing.train_step()
            assert_same_state(one_by_one, failing)
    assert (recorder.records, recorder.replays, recorder.recovered) == (1, 0, 1)
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.endswith("recorded (CUDA error: operation not permitted); runtime.cuda_graph=off does not try")


def test_a_component_that_reads_a_number_runs_one_by_one(make_trainer: Make, caplog: pytest.LogCaptureFixture) -> None:
    class Strict(Recorder):
        def record(self, body: Callable[[], list[Values]], generators: Sequence[torch.Generator]) -> Any:
            with NothingRead():
                return super().record(body, generators)

    trainers = [make_trainer(steps=6) for _ in range(2)]
    for trainer in trainers:
        trainer.stepper.gan = replace(trainer.gan, augmentations={"counting": Counting()})
    other = trainers[1]
    other.stepper.graphs = Graphs(other.discriminator, other.generator, Strict(other), CPU)
    for _ in range(6):
        for trainer in trainers:
            trainer.train_step()
    assert_same_state(*trainers)
    assert other.stepper.graphs.failed
    assert "waits for the device" in caplog.text


def test_another_order_of_streams_is_noticed(make_trainer: Make) -> None:
    trainer = make_trainer(augment={"instance_noise": {}}, steps=8)
    recorder = with_graphs(trainer)
    for _ in range(EAGER):
        trainer.train_step()
    trainer.stepper.gan = replace(trainer.gan, augmentations={})
    trainer.train_step()
    assert trainer.stepper.graphs is not None
    assert trainer.stepper.graphs.failed
    assert recorder.replays == 0


# --------------------------------------------------------------------------------------------------------- who gets them


def test_a_processor_has_none(make_trainer: Make) -> None:
    """Silently with auto; where they were asked for, with what to type instead."""
    for asked in ("auto", "off"):
        trainer = make_trainer(runtime={"cuda_graph": asked, "device": "cpu"})
        assert trainer.stepper.graphs is None
        assert not trainer.notes
    with pytest.raises(UserError, match=r"the cpu has no CUDA graphs; type runtime\.cuda_graph=auto"):
        Runtime(device="cpu", cuda_graph="on").resolve()


@dataclass(frozen=True)
class Plain(OptimizerSetting):
    def build(self, parameters: Any) -> torch.optim.Optimizer:
        return torch.optim.Adam(parameters, 0.1)


@pytest.mark.parametrize(
    ("dtype", "setting", "reason"),
    [
        (torch.float16, None, "runtime.precision=bf16"),
        (torch.float32, Plain(lr=0.1), "optimizer.generator=adam"),
        (torch.float32, Adam(lr=0.1, betas=(0.0, Scheduled(0.9, 0.99))), "optimizer.generator.betas is a schedule"),
        (
            torch.float32,
            AdamW(lr=0.1, betas=(0.0, 0.9), weight_decay=Scheduled(0.1, 0.2)),
            "weight_decay is a schedule",
        ),
    ],
)
def test_what_stays_as_it_is_and_why(
    make_trainer: Make, dtype: torch.dtype, setting: OptimizerSetting | None, reason: str
) -> None:
    trainer = make_trainer()
    generator = Learner("generator", trainer.generator.network, setting) if setting else trainer.generator
    for asked in ("auto", "on", "off"):
        machine = Machine(torch.device("cuda"), dtype, cuda_graph=asked)  # type: ignore[arg-type]
        expected: Any = pytest.raises(UserError, match=reason) if asked == "on" else nullcontext()
        with expected:
            made, notes = graphs(trainer.discriminator, generator, machine)
            assert made is None
            assert len(notes) == (asked == "auto")
            assert all(reason in note for note in notes)


# ------------------------------------------------------------------------------------------------------------ on a GPU


@pytest.fixture
def _repeatable() -> Iterator[None]:
    before = torch.backends.cudnn.deterministic, torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.deterministic, torch.backends.cudnn.allow_tf32 = True, False
    yield
    torch.backends.cudnn.deterministic, torch.backends.cudnn.allow_tf32 = before


needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


@needs_gpu
@pytest.mark.usefixtures("_repeatable")
@pytest.mark.parametrize("changes", RUNS.values(), ids=RUNS)
def test_on_a_gpu_a_replayed_run_is_the_same_run(make_trainer: Make, changes: dict[str, Any]) -> None:
    def made(asked: str) -> Trainer:
        runtime = {**changes.get("runtime", {}), "device": "cuda", "cuda_graph": asked}
        return make_trainer(**{**changes, "runtime": runtime}, steps=STEPS)

    one_by_one, replayed = made("off"), made("on")
    assert replayed.stepper.graphs is not None
    for _ in range(STEPS):
        one_by_one.train_step()
        replayed.train_step()
    assert not replayed.stepper.graphs.failed
    assert replayed.stepper.graphs._graphs
    assert_same_state(one_by_one, replayed)


@needs_gpu
def test_on_a_gpu_a_failed_recording_is_left_behind(make_trainer: Make, caplog: pytest.LogCaptureFixture) -> None:
    """Also by dropout, which draws from PyTorch's own stream."""
    trainer = make_trainer(discriminator={"dropout": 0.5}, runtime={"device": "cuda"}, steps=8)
    trainer.stepper.gan = replace(trainer.gan, augmentations={"counting": Counting()})
    for _ in range(8):
        trainer.train_step()
    assert trainer.stepper.graphs is not None
    assert trainer.stepper.graphs.failed
    assert "could not be recorded" in caplog.text
    assert all(tensor.isfinite().all() for tensor in trainer.generator.network.state_dict().values())
