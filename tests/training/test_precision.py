"""bf16 and float16 beside float32: the same steps, from the same weights, images and random numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from ganlab import tree_file
from ganlab.training.device import Machine
from ganlab.training.learner import Learner
from ganlab.training.observer import Observer
from ganlab.training.trainer import Trainer

Make = Callable[..., Trainer]
SPECTRAL = {"discriminator": {"layer": "none", "weight": "spectral"}}
RUNS: dict[str, dict[str, Any]] = {
    "bce, batch norm": {},
    "wasserstein, gradient penalty": {
        "loss": "wasserstein", "regularizer": {"gradient_penalty": {}}, "norm": {"discriminator": {"layer": "layer"}},
    },
    "hinge, spectral, resnet": {
        "loss": "hinge", "norm": SPECTRAL, "generator": {"name": "resnet", "width": 4},
        "discriminator": {"name": "resnet", "width": 4},
    },
}  # fmt: skip
# How far a loss may be from float32's, as a share of 1 + its size: in the first step bf16's rounding alone, 2^-9 an
# operation; after that two trainings that go apart slowly.
FIRST, LATER = 0.02, 0.1
STEPS = 12


class Losses(Observer):
    def __init__(self) -> None:
        self.rows: list[tuple[float, float]] = []  # D's and G's

    def logged(self, step: int, values: Mapping[str, float]) -> None:
        self.rows.append((values["discriminator/loss"], values["generator/loss"]))


def on(dtype: torch.dtype) -> Machine:
    """A processor in that precision; what a person types is refused for float16, which is slow there."""
    return Machine(torch.device("cpu"), dtype, channels_last=True)


def set_scale(learner: Learner, scale: float) -> None:
    if learner.scaler:
        learner.scaler.load_state_dict({**learner.scaler.state_dict(), "scale": scale})


@pytest.mark.parametrize(
    "dtype",
    [torch.bfloat16, pytest.param(torch.float16, marks=pytest.mark.slow), torch.float32],
    ids=["bf16", "fp16", "fp32"],
)
@pytest.mark.parametrize("changes", RUNS.values(), ids=RUNS)
def test_losses_stay_near_those_of_float32(make_trainer: Make, changes: dict[str, Any], dtype: torch.dtype) -> None:
    found = []
    for one in (torch.float32, dtype):
        losses = Losses()
        trainer = make_trainer((losses,), on(one), steps=STEPS, logging={"every": 1}, **changes)
        for learner in (trainer.generator, trainer.discriminator):
            set_scale(learner, 2.0**8)  # small networks overflow at the scale that float16 begins with
        trainer.run()
        assert all(parameter.dtype == torch.float32 for parameter in trainer.generator.parameters)
        found.append(torch.tensor(losses.rows))
    exact, rounded = found
    distances = ((rounded - exact).abs() / (1 + exact.abs())).amax(dim=1)
    assert distances[0] <= FIRST
    assert distances.max() <= LATER
    assert torch.equal(exact, rounded) is (dtype == torch.float32)


def test_float16_scales_both_networks_losses_and_resumes_exactly(make_trainer: Make, tmp_path: Path) -> None:
    """The scales come from the checkpoint: they are not those with which a new run begins."""
    changes: dict[str, Any] = {"steps": 6, "checkpoint": {"every": 3}, "loss": "hinge", "norm": SPECTRAL}
    unbroken = make_trainer((), on(torch.float16), tmp_path / "a", **changes)
    set_scale(unbroken.generator, 2.0**9)
    set_scale(unbroken.discriminator, 2.0**11)
    unbroken.run()
    resumed = make_trainer((), on(torch.float16), tmp_path / "b", **changes)
    resumed.restore(tree_file.read(tmp_path / "a" / "checkpoints" / "step-0000003.safetensors"))
    resumed.run()
    for name, scale in (("generator", 2.0**9), ("discriminator", 2.0**11)):
        ours, theirs = getattr(unbroken, name), getattr(resumed, name)
        assert ours.scaler.state_dict() == theirs.scaler.state_dict()
        assert (ours.scaler.get_scale(), ours.scaler.state_dict()["_growth_tracker"]) == (scale, 6)
        assert ours.fingerprint() == theirs.fingerprint()
