"""What the tests share: tiny settings, a trainer made of them, and real data where it lies beside the checkout."""

from __future__ import annotations

import gzip
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from ganlab.commands.launch.ready import open_data
from ganlab.commands.launch.training_run import train
from ganlab.config import Configuration, configure
from ganlab.config.build import build_trainer
from ganlab.run_folder import RunFolder
from ganlab.training.device import Machine
from ganlab.training.observer import Observer
from ganlab.training.trainer import Trainer

torch.set_num_threads(1)

TORCH = tuple(map(int, torch.__version__.split(".")[:2]))
"""PyTorch's version, (major, minor)."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How many combinations of choices were drawn, and what came of them, in one line."""
    ended = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    found = [json.loads(value) for one in ended for name, value in one.user_properties if name == "combinations"]
    if found:
        drawn, trained, diverged = (sum(row[column] for row in found) for column in range(3))
        reasons = sum((Counter(row[3]) for row in found), Counter())
        few = "; ".join(f"{count:,} × {reason}" for reason, count in reasons.most_common(3))
        terminalreporter.write_line(
            f"combinations: {drawn:,} drawn, {trained:,} trained ({diverged} ran away), {drawn - trained:,} refused or failed, for "
            f"{len(reasons)} reasons, most of all {few}"
        )


TINY: dict[str, Any] = {
    "batch_size": 8,
    "data": {"name": "digits", "size": 16, "limit": 64},
    "generator": {"name": "dcgan", "width": 4},
    "discriminator": {"name": "dcgan", "width": 4},
    "latent": {"name": "normal", "dim": 6},
    "logging": {"samples": 4, "samples_every": 1000, "progress": False, "inspection": False},
}
"""A plain configuration that takes milliseconds a step."""

TINY_OVERRIDES = [
    "batch_size=8", "data.size=16", "data.limit=64", "generator.width=4", "discriminator.width=4", "latent.dim=6",
    "logging.samples=4", "logging.inspection=false", "steps=2",
]  # fmt: skip
"""The same as it is typed."""


def merged(base: Any, change: Any) -> Any:
    """``base`` with ``change`` laid over it; a component with another name replaces the old one whole."""
    if (
        not isinstance(base, dict)
        or not isinstance(change, dict)
        or base.get("name") != change.get("name", base.get("name"))
    ):
        return change
    return {**base, **{key: merged(base.get(key), value) for key, value in change.items()}}


def tiny(**changes: Any) -> Configuration:
    return configure(merged(TINY, changes))


def needs_onnx() -> Any:
    """Returns the module ``onnxruntime``; skips the test where nothing can be exported to ONNX."""
    from ganlab.commands.export import without_onnx

    if reason := without_onnx():
        pytest.skip(reason)
    return pytest.importorskip("onnxruntime")


@pytest.fixture
def make_trainer(tmp_path: Path) -> Callable[..., Trainer]:
    def make(
        observers: tuple[Observer, ...] = (), machine: Machine | None = None, folder: Path | None = None, **changes: Any
    ) -> Trainer:
        configuration = tiny(**changes)
        settings = configuration.settings
        return build_trainer(
            settings,
            machine or settings.runtime.resolve(),
            open_data(settings.data, settings.runtime.cache),
            folder or tmp_path,
            observers,
            {"settings": configuration.plain()},
        )

    return make


@pytest.fixture(scope="session")
def mnist_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as torchvision wants it, from the real files beside the checkout."""
    source = Path(__file__).resolve().parents[2] / "shared" / "data" / "mnist"
    if not source.is_dir():
        pytest.skip("needs MNIST's original files in ../shared/data/mnist")
    raw = tmp_path_factory.mktemp("mnist") / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for packed in source.glob("*.gz"):
        with gzip.open(packed) as reading, open(raw / packed.stem, "wb") as writing:
            shutil.copyfileobj(reading, writing)
    return raw.parent.parent


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Decoded images of tests do not go where the person's are; commands that tests start inherit it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANLAB_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def trained_run(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """The folder of a run of two tiny steps with changes to TINY; the same changes are trained once. Its rate is high,
    so that what it makes is more than grey."""
    made: dict[str, Path] = {}

    def run(**changes: Any) -> Path:
        key = json.dumps(changes, sort_keys=True)
        if key not in made:
            folder = RunFolder(tmp_path_factory.mktemp("run"))
            train(tiny(**{"steps": 2, "optimizer": {"generator": {"name": "adam", "lr": 0.1}}, **changes}), folder)
            made[key] = folder.path
        return made[key]

    return run
