"""Every setting of every option changes something that can be observed; none is silently ignored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from ganlab.config import configure
from ganlab.config.build import build_trainer
from ganlab.config.parse import hints, is_mapping, keys, table_of
from ganlab.config.settings import Settings
from ganlab.data import SOURCES
from ganlab.training.observer import Observer, Samples
from tests.conftest import TINY, merged

# What stands beside a setting so that it matters, and another value for it. A key in two rows matters in two places.
CHANGES: list[tuple[dict[str, Any], str, Any]] = [
    ({}, "steps", 3),
    ({}, "batch_size", 4),
    ({}, "seed", 1),
    ({}, "data.size", 20),
    ({}, "data.limit", 32),
    ({}, "generator.width", 6),
    ({"generator": {"width": 40}}, "generator.largest_width", 64),
    ({}, "generator.activation", "tanh"),
    ({"generator": {"activation": "leaky_relu"}}, "generator.activation.slope", 0.5),
    ({}, "discriminator.width", 6),
    ({"discriminator": {"width": 40}}, "discriminator.largest_width", 64),
    ({}, "discriminator.activation", "tanh"),
    ({"discriminator": {"activation": "leaky_relu"}}, "discriminator.activation.slope", 0.5),
    ({"generator": "mlp"}, "generator.hidden", [8]),
    ({"discriminator": {"name": "mlp", "hidden": [8, 8]}}, "discriminator.hidden", [8]),
    ({"discriminator": {"name": "mlp", "hidden": [8, 8]}}, "discriminator.dropout", 0.7),
    ({}, "latent.dim", 7),
    *(
        ({"init": {network: {"name": name}}}, f"init.{network}.{field}", value)
        for network in ("generator", "discriminator")
        for name, field, value in (
            ("normal", "std", 0.1),
            ("normal", "norm_std", 0.2),
            ("truncated_normal", "std", 0.1),
            ("truncated_normal", "bound", 0.5),
            ("uniform", "bound", 0.1),
            ("xavier", "gain", 2.0),
            ("xavier_normal", "gain", 2.0),
            ("he", "fan", "out"),
            ("he_uniform", "fan", "out"),
            ("orthogonal", "gain", 3.0),
            ("delta_orthogonal", "gain", 3.0),
            ("constant", "value", 0.1),
            ("hybrid", "convolution", "he_uniform"),
            ("hybrid", "output", "normal"),
            ("lsuv", "variance", 4.0),
            ("lsuv", "tolerance", 100.0),
            ("lsuv", "iterations", 0),
        )
    ),
    ({"init": {"generator": "hybrid"}}, "init.generator.dense", "xavier"),
    ({"init": {"discriminator": "hybrid"}, "discriminator": {"name": "mlp", "hidden": [8, 8]}}, "init.discriminator.dense", "xavier"),
    *(
        ({"init": {network: "hybrid"}, "condition": "embedding"}, f"init.{network}.embedding", "normal")
        for network in ("generator", "discriminator")
    ),
    *(
        ({"norm": {network: {"layer": name}}}, f"norm.{network}.layer.epsilon", 0.1)
        for network in ("generator", "discriminator")
        for name in ("batch", "layer", "instance")
    ),
    ({"norm": {"generator": {"layer": "batch"}}}, "norm.generator.layer.momentum", 0.5),
    ({"norm": {"discriminator": {"layer": "batch"}}}, "norm.discriminator.layer.momentum", 0.5),
    *(
        ({"norm": {network: {"layer": "none", "weight": "spectral"}}}, f"norm.{network}.weight.{field}", value)
        for network in ("generator", "discriminator")
        for field, value in (("iterations", 3), ("floor", 50.0))
    ),
    ({}, "loss", "wasserstein"),
    ({}, "targets.real", 0.9),
    ({}, "targets.fake", 0.1),
    ({"norm": {"discriminator": {"layer": "layer"}}, "regularizer": {"gradient_penalty": {}}}, "regularizer.gradient_penalty.weight", 1.0),
    ({"norm": {"discriminator": {"layer": "layer"}}, "regularizer": {"gradient_penalty": {}}}, "regularizer.gradient_penalty.interval", 2),
    ({"augment": {"instance_noise": {}}}, "augment.instance_noise.std", 0.5),
    ({"augment": {"instance_noise": {}}}, "augment.instance_noise.until", 0.5),
    ({"schedule": "alternating"}, "schedule.n_critic", 2),
    *(
        ({"optimizer": {network: "adam"}}, f"optimizer.{network}.{field}", value)
        for network in ("generator", "discriminator")
        for field, value in (("lr", 1e-2), ("betas", [0.1, 0.2]), ("epsilon", 0.1), ("weight_decay", 0.5))
    ),
    ({"constraint": "weight_clipping"}, "constraint.bound", 0.001),
    ({"averaging": {"name": "ema", "ramp": None}}, "averaging.decay", 0.1),
    ({"averaging": {"name": "ema", "decay": 0.9}}, "averaging.start", 2),
    ({"averaging": "ema"}, "averaging.ramp", None),
    ({}, "runtime.precision", "bf16"),
    ({}, "runtime.channels_last", False),
    ({}, "logging.every", 1),
    ({}, "logging.samples_every", 1),
    ({}, "logging.samples", 5),
    ({}, "checkpoint.every", 1),
    ({"checkpoint": {"every": 1}, "steps": 4}, "checkpoint.keep", 1),
]  # fmt: skip

ELSEWHERE = {
    "runtime.device": "test_rules.test_what_the_machine_has_not",
    "runtime.threads": "test_every_setting.test_threads_and_bar",
    "logging.progress": "test_every_setting.test_threads_and_bar",
    "plugins": "test_train.test_a_plugin_brings_a_loss",
    "resume": "test_train.test_resume_goes_on_in_the_same_folder",
    "data.root": "test_sources",
    "data.download": "test_sources.test_a_data_set_that_is_not_there",
    "data.color": "test_every_setting.test_image_folders",
    "data.crop": "test_every_setting.test_image_folders",
    "data.background": "test_every_setting.test_image_folders",
}


class Recorder(Observer):
    def __init__(self) -> None:
        self.events: list[Any] = []

    def logged(self, step: int, values: Mapping[str, float]) -> None:
        self.events.append(("logged", step, {tag: value for tag, value in values.items() if "per_second" not in tag}))

    def sampled(self, step: int, samples: Samples) -> None:
        images = {name: batch.tolist() for name, batch in samples.images.items()}
        self.events.append(("sampled", step, images, samples.columns))


def observe(plain: dict[str, Any], folder: Path) -> Any:
    """All that a run of few steps leaves for others to see."""
    configuration = configure(merged(TINY, plain))
    settings, recorder = configuration.settings, Recorder()
    machine = settings.runtime.resolve()
    trainer = build_trainer(settings, machine, settings.data.open(), folder, [recorder])
    trainer.run()
    layouts = [parameter.stride() for parameter in trainer.discriminator.parameters]
    files = sorted(file.name for file in (folder / "checkpoints").iterdir())
    networks = (trainer.generator.network, trainer.discriminator.network)
    weights = [tensor.tolist() for network in networks for tensor in network.state_dict().values()]
    return recorder.events, files, layouts, weights


def nested(key: str, value: Any) -> dict[str, Any]:
    for part in reversed(key.split(".")):
        value = {part: value}
    return value  # type: ignore[no-any-return]


def with_value(plain: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    """``plain`` with ``key`` set; a component that stands as a bare name becomes a dict."""
    *parents, last = key.split(".")
    copied: dict[str, Any] = {**plain}
    node = copied
    for part in parents:
        inner = node.get(part, {})
        node[part] = {"name": inner} if isinstance(inner, str) else {**inner}
        node = node[part]
    node[last] = value
    return copied


@pytest.mark.parametrize(("beside", "key", "value"), CHANGES, ids=[f"{key}" for _, key, _ in CHANGES])
def test_changing_it_changes_something(beside: dict[str, Any], key: str, value: Any, tmp_path: Path) -> None:
    base = merged(merged(TINY, {"steps": 2}), beside)
    assert observe(base, tmp_path / "a") != observe(with_value(base, key, value), tmp_path / "b")


def test_the_observation_is_the_same_where_nothing_changes(tmp_path: Path) -> None:
    assert observe({"steps": 2}, tmp_path / "a") == observe({"steps": 2}, tmp_path / "b")


def leaves(kind: type, prefix: str = "") -> Iterator[str]:
    """The keys of all settings, of every component that a slot can hold, groups themselves left out."""
    for name, annotation in hints(kind).items():
        full = f"{prefix}{name}"
        table = table_of(annotation)
        if table is not None:
            for entry, component in table.items():
                yield from leaves(component, f"{full}.{entry}." if is_mapping(annotation) else f"{full}.")
        elif any(
            True
            for _ in (
                keys(annotation) if isinstance(annotation, type) and hasattr(annotation, "__dataclass_fields__") else []
            )
        ):
            yield from leaves(annotation, f"{full}.")
        else:
            yield full


def test_no_setting_is_left_out() -> None:
    walked = {key for _, key, _ in CHANGES} | set(ELSEWHERE)
    assert set(leaves(Settings)) - walked == set()


def test_image_folders(tmp_path: Path) -> None:
    Image.fromarray((np.arange(40 * 60 * 4) % 251).astype(np.uint8).reshape(40, 60, 4)).save(tmp_path / "x.png")
    folder = SOURCES["image_folder"]

    def opened(**settings: Any) -> Tensor:
        return folder(root=str(tmp_path), **settings).open().images  # type: ignore[call-arg]

    for change in ({"size": 20}, {"color": "grey"}, {"crop": "stretch"}, {"background": "black"}):
        one, other = opened(size=16), opened(**{"size": 16, **change})
        assert one.shape != other.shape or not torch.equal(one, other), change


def test_threads_and_bar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ganlab.commands import training_run
    from ganlab.run_folder import RunFolder

    threads, bars = [], []
    monkeypatch.setattr(training_run.torch, "set_num_threads", threads.append)
    monkeypatch.setattr(training_run, "Progress", lambda: bars.append(1) or Observer())
    for settings in ({"runtime": {"threads": 3}}, {"logging": {"progress": True}}):
        folder = tmp_path / str(len(bars))
        folder.mkdir(exist_ok=True)
        training_run.train(configure(merged(merged(TINY, {"steps": 1}), settings)), RunFolder(folder))
    assert threads == [3, training_run.THREADS]  # and back, for the next job of a sweep
    assert len(bars) == 1
