from __future__ import annotations

import pytest
import torch
from torch import nn

from ganlab.initializers import INITIALIZERS
from ganlab.initializers.hybrid import NOT_HERE, Hybrid
from ganlab.layer import Role
from ganlab.networks.activations import Activation, ReLU, Tanh
from ganlab.networks.layers import Convolution, Dense, Embedding, TransposedConvolution
from tests.initializers.modules import notes_of


def build(kind: str, role: Role = "hidden", follows: Activation | None = None) -> nn.Module:
    if kind == "dense":
        return Dense(12, 10, follows=follows, role=role)
    if kind == "embedding":
        return Embedding(6, 10, role=role)
    convolution = Convolution if kind == "convolution" else TransposedConvolution
    return convolution(6, 10, 4, stride=2, follows=follows, role=role)


def filled(name: str, module: nn.Module) -> list[torch.Tensor]:
    notes_of(INITIALIZERS[name](), module)
    return [parameter.detach() for parameter in module.parameters()]


@pytest.mark.parametrize(
    ("kind", "role", "follows", "scheme"),
    [
        ("dense", "hidden", ReLU(), "he"),
        ("convolution", "hidden", ReLU(), "orthogonal"),
        ("convolution", "residual", None, "orthogonal"),
        ("transposed", "hidden", ReLU(), "orthogonal"),
        ("embedding", "hidden", None, "orthogonal"),
        ("dense", "output", None, "xavier"),
        ("transposed", "output", Tanh(), "xavier"),
        ("convolution", "hidden", Tanh(), "xavier"),
    ],
)
def test_the_default_scheme_of_each_layer(kind: str, role: Role, follows: Activation | None, scheme: str) -> None:
    hybrid = filled("hybrid", build(kind, role, follows))
    for name in ("he", "orthogonal", "xavier"):
        same = all(map(torch.equal, hybrid, filled(name, build(kind, role, follows))))
        assert same == (name == scheme), name


@pytest.mark.parametrize("scheme", [name for name in INITIALIZERS if name not in NOT_HERE])
def test_every_initializer_can_be_chosen_for_every_type(scheme: str) -> None:
    """Weights and biases equal those of the initializer alone, from the same random numbers."""
    chosen = Hybrid(scheme, scheme, scheme, scheme)
    for kind in ("dense", "convolution", "transposed", "embedding"):
        ours, theirs = build(kind), build(kind)
        notes_of(chosen, ours)
        assert all(map(torch.equal, ours.parameters(), filled(scheme, theirs)))


def test_each_field_changes_its_own_layers_only() -> None:
    kinds = {
        "dense": ("dense", "hidden"),
        "convolution": ("convolution", "hidden"),
        "transposed": ("convolution", "hidden"),
        "embedding": ("embedding", "hidden"),
        "output": ("dense", "output"),
    }
    fields = {"dense": "dense", "convolution": "convolution", "transposed": "convolution"}
    for changed in ("dense", "convolution", "embedding", "output"):
        hybrid = Hybrid(**{changed: "uniform"})  # type: ignore[arg-type]
        for name, (kind, role) in kinds.items():
            module = build("transposed" if name == "transposed" else kind, role)  # type: ignore[arg-type]
            plain = build("transposed" if name == "transposed" else kind, role)  # type: ignore[arg-type]
            notes_of(hybrid, module)
            notes_of(Hybrid(), plain)
            assert torch.equal(module.weight, plain.weight) == (fields.get(name, name) != changed)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("hybrid", "would have no end"),
        ("pretrained", "needs a path"),
        ("equalized", "weight=equalized"),
        ("xavir", r"is no initializer; did you mean xavier\?"),
    ],
)
def test_what_it_refuses(name: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Hybrid(convolution=name)


def test_initializers_that_look_at_the_whole_network_get_all_layers_of_their_type() -> None:
    """``adaptive`` divides by the number of residual layers, here two."""
    module = nn.Sequential(*(build("convolution", "residual") for _ in range(2)), build("dense"))
    alone = nn.Sequential(*(build("convolution", "residual") for _ in range(2)))
    notes_of(Hybrid(convolution="adaptive"), module)
    notes_of(INITIALIZERS["adaptive"](), alone)
    ratio = module[0].weight.std() / alone[0].weight.std()
    assert ratio.item() == pytest.approx(1, rel=0.1)
