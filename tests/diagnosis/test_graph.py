"""The graph of the networks: its operations follow the modules, and tracing changes nothing of the training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tensorboard.compat.proto.graph_pb2 import GraphDef

from ganlab.diagnosis.graph import NetworkGraph
from ganlab.monitor.settings import TensorBoardSetting
from ganlab.training.observer import ObservedRun
from ganlab.training.trainer import Trainer

Make = Callable[..., Trainer]
LABELS: dict[str, Any] = {"condition": {"name": "projection"}}
AUGMENTED: dict[str, Any] = {"augment": {"diff_augment": {}, "instance_noise": {}}}
NETWORKS = {
    "dcgan": {}, "labels": LABELS, "augmented": AUGMENTED, "critic": {"norm": {"discriminator": {"weight": "spectral"}}},
    "resnet": {"generator": {"name": "resnet", "width": 4}, "discriminator": {"name": "resnet", "width": 4}},
    "mlp": {"generator": {"name": "mlp", "hidden": [4]}, "discriminator": {"name": "mlp", "hidden": [4]}},
}  # fmt: skip


def traced(trainer: Trainer) -> GraphDef:
    found = GraphDef()
    found.ParseFromString(NetworkGraph(3)(trainer.gan, trainer.feed))
    return found


@pytest.mark.parametrize("changes", NETWORKS.values(), ids=NETWORKS)
def test_it_leads_from_latents_through_both_networks_to_logits(make_trainer: Make, changes: dict[str, Any]) -> None:
    trainer = make_trainer(**changes)
    before = {name: value.clone() for name, value in _state(trainer).items()}
    found = traced(trainer)
    nodes = {node.name: node for node in found.node}
    for network in (trainer.gan.generator, trainer.gan.discriminator):
        assert isinstance(network, torch.nn.Module)
        kind = type(network).__name__
        assert any(f"{kind}[" in name for name in nodes), kind
    reached, todo = set[str](), [name for name in nodes if name.startswith("output/")]
    while todo:
        name = todo.pop()
        if name not in reached and name in nodes:
            reached.add(name)
            todo += nodes[name].input
    assert any(name.startswith("input/") for name in reached), "the logits depend on the latents"
    after = _state(trainer)
    assert all(torch.equal(after[name], value) for name, value in before.items())


def _state(trainer: Trainer) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = {}
    for name in ("generator", "discriminator"):
        network = getattr(trainer.gan, name)
        found |= {f"{name}.{key}": value for key, value in network.state_dict().items()}
        found |= {f"{name}.training": torch.tensor([module.training for module in network.modules()])}
    return found


@pytest.mark.parametrize("graph", [True, False])
def test_it_is_in_the_event_file_if_it_is_asked_for(make_trainer: Make, tmp_path: Path, graph: bool) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    make_trainer((TensorBoardSetting(graph=graph).build(ObservedRun(tmp_path)),), steps=2).run()
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    assert events.Tags()["graph"] is graph


def test_a_graph_that_cannot_be_traced_does_not_end_training(
    make_trainer: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    trainer = make_trainer((TensorBoardSetting(graph=True).build(ObservedRun(tmp_path)),), steps=2)
    trainer.reports.trace = lambda gan, feed: traced(None)  # type: ignore[arg-type, return-value]
    trainer.run()
    assert trainer.step == 2
    assert sum("the graph of the networks could not be traced" in one for one in caplog.messages) == 1
