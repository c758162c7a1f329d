from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from ganlab.networks import parametrize, walk
from ganlab.networks.activations import ReLU
from ganlab.networks.layers import Convolution, Dense, Embedding, TransposedConvolution
from ganlab.networks.parametrizations import Equalized, Spectral, WeightNorm

LAYERS = {
    "dense": lambda: Dense(12, 7, follows=ReLU()),
    "convolution": lambda: Convolution(6, 5, 3, follows=ReLU(), stride=2),
    "transposed": lambda: TransposedConvolution(6, 5, 4, follows=ReLU(), stride=2, padding=1),
    "embedding": lambda: Embedding(6, 5),
}


def out_by_rest(layer: nn.Module) -> torch.Tensor:
    """The weight as (out, in * k * k), rearranged by hand."""
    weight = layer.weight.detach()
    if isinstance(layer, nn.Embedding):
        return weight.t()
    if isinstance(layer, nn.ConvTranspose2d):
        return torch.stack([weight[:, o].flatten() for o in range(weight.shape[1])])
    return weight.flatten(1)


@pytest.mark.parametrize("name", LAYERS)
def test_spectral_norm_is_the_largest_singular_value(name: str) -> None:
    layer = LAYERS[name]()
    network = nn.Sequential(layer)
    parametrize(network, Spectral(iterations=200))
    layer.advance()
    largest = torch.linalg.svdvals(out_by_rest(layer))[0]
    torch.testing.assert_close(layer.applied_weight(), layer.weight / largest, rtol=1e-4, atol=1e-6)


def test_one_iteration_is_the_papers() -> None:
    """Miyato et al. 2018, Algorithm 1, by hand."""
    layer = Dense(12, 7, follows=None)
    parametrize(layer, Spectral(iterations=1))
    weight, u = layer.weight.detach(), layer.parametrization.u.clone()
    v = weight.t() @ u
    v = v / v.norm()
    u = weight @ v
    u = u / u.norm()
    layer.advance()
    torch.testing.assert_close(layer.parametrization.u, u)
    torch.testing.assert_close(layer.parametrization.v, v)
    torch.testing.assert_close(layer.applied_weight(), layer.weight / (u @ weight @ v))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "layer", [lambda: Dense(64, 64, follows=None), lambda: Convolution(64, 64, 3, follows=None)], ids=["dense", "conv"]
)
def test_the_first_update_meets_a_sigma_near_the_true_one(layer: Callable[[], nn.Module], seed: int) -> None:
    built = layer()
    nn.init.normal_(built.weight, generator=torch.Generator().manual_seed(seed))
    parametrize(built, Spectral())
    largest = torch.linalg.svdvals(out_by_rest(built))[0].item()
    assert built.report()["sigma"].item() == pytest.approx(largest, rel=0.1)


def test_gradient_flows_through_sigma() -> None:
    """Miyato et al. 2018, Eq. 12: the gradient is not that of a constant factor."""
    layer = Dense(4, 3, follows=None, bias=False).double()
    parametrize(layer, Spectral())
    layer.double()
    x = torch.randn(5, 4, dtype=torch.double)

    def output(weight: torch.Tensor) -> torch.Tensor:
        return x @ (weight / torch.dot(layer.parametrization.u, weight @ layer.parametrization.v)).t()

    loss = (layer(x) ** 2).sum()
    (ours,) = torch.autograd.grad(loss, layer.weight)
    (theirs,) = torch.autograd.grad((output(layer.weight) ** 2).sum(), layer.weight)
    torch.testing.assert_close(ours, theirs)


def test_forward_passes_move_nothing() -> None:
    layer = Dense(4, 3, follows=None)
    parametrize(layer, Spectral())
    before = layer.parametrization.u.clone()
    layer(torch.randn(2, 4)).sum().backward()
    assert torch.equal(layer.parametrization.u, before)


def test_backward_after_advance_still_works() -> None:
    """The vectors move in place; a graph from before must have kept its own."""
    layer = Dense(4, 3, follows=None)
    parametrize(layer, Spectral())
    loss = layer(torch.randn(2, 4)).sum()
    layer.advance()
    loss.backward()


def test_a_zero_weight_gives_zeros() -> None:
    layer = Dense(4, 3, follows=None)
    nn.init.zeros_(layer.weight)
    parametrize(layer, Spectral())
    layer.advance()
    assert torch.equal(layer.applied_weight(), torch.zeros(3, 4))


def test_the_walk_knows_every_parameter_once() -> None:
    from ganlab.networks import DISCRIMINATORS, GENERATORS, NORMS
    from ganlab.types import Shapes

    for table in (GENERATORS, DISCRIMINATORS):
        for name, architecture in table.items():
            images = ("content", "style") if name == "wnet" else ("source",)
            shapes = Shapes((3, 32, 32), 8, sources=dict.fromkeys(images, (1, 32, 32)))
            network = architecture().build(shapes, NORMS["batch"]())
            owned = [p for layer in walk(network) for p in (layer.weight, layer.bias) if p is not None]
            assert len(owned) == len(set(owned)) == len(list(network.parameters()))
            assert [layer.role for layer in walk(network)].count("output") >= 1


def test_the_walk_fills_a_shared_layer_once_and_refuses_strangers() -> None:
    shared = Dense(4, 4, follows=ReLU())
    assert len(list(walk(nn.Sequential(shared, shared)))) == 1
    with pytest.raises(TypeError, match="belongs to no layer"):
        list(walk(nn.Sequential(nn.Linear(2, 2))))


@pytest.mark.parametrize("name", LAYERS)
def test_weight_norm_keeps_the_first_weight_and_splits_length_from_direction(name: str) -> None:
    layer = LAYERS[name]()
    start = layer.weight.detach().clone()
    parametrize(nn.Sequential(layer), WeightNorm())
    torch.testing.assert_close(layer.applied_weight(), start)
    with torch.no_grad():
        layer.weight.mul_(3)  # the length of v no longer matters
        torch.testing.assert_close(layer.applied_weight(), start)
        layer.parametrization.g.mul_(torch.arange(1.0, len(layer.parametrization.g) + 1))
    applied = out_by_rest(_with_weight(layer, layer.applied_weight().detach()))
    torch.testing.assert_close(
        applied, out_by_rest(_with_weight(layer, start)) * torch.arange(1.0, len(applied) + 1)[:, None]
    )


def _with_weight(layer: nn.Module, weight: torch.Tensor) -> nn.Module:
    layer.weight.data = weight
    return layer


def test_weight_norm_is_pytorchs() -> None:
    ours = Dense(6, 4, follows=None)
    theirs = nn.Linear(6, 4)
    theirs.load_state_dict(ours.state_dict())
    theirs = nn.utils.parametrizations.weight_norm(theirs, dim=0)
    parametrize(ours, WeightNorm())
    x = torch.randn(3, 6)
    for module in (ours, theirs):
        (module(x) ** 2).sum().backward()
    torch.testing.assert_close(ours.parametrization.g.grad, theirs.parametrizations.weight.original0.grad.squeeze(1))
    torch.testing.assert_close(ours.weight.grad, theirs.parametrizations.weight.original1.grad)


def test_weight_norm_of_a_zero_row_is_zero() -> None:
    layer = Dense(4, 3, follows=None)
    nn.init.zeros_(layer.weight)
    parametrize(layer, WeightNorm())
    assert torch.equal(layer.applied_weight(), torch.zeros(3, 4))


@pytest.mark.parametrize(
    ("name", "fan_in"), [("dense", 12), ("convolution", 6 * 9), ("transposed", 6 * 16 / 4), ("embedding", 1)]
)
def test_equalized_scales_by_gain_over_root_fan_in(name: str, fan_in: float) -> None:
    layer = LAYERS[name]()
    parametrize(nn.Sequential(layer), Equalized())
    gain = 1.0 if name == "embedding" else 2**0.5  # nothing follows an embedding
    torch.testing.assert_close(layer.applied_weight(), layer.weight * gain / fan_in**0.5)
    other = LAYERS[name]()
    parametrize(nn.Sequential(other), Equalized(gain=3.0))
    torch.testing.assert_close(other.applied_weight(), other.weight * 3 / fan_in**0.5)


def test_sigma_is_reported() -> None:
    from ganlab.networks.dcgan import DCGANDiscriminator
    from ganlab.networks.norms import NoNorm
    from ganlab.types import Shapes

    network = DCGANDiscriminator(width=4).build(Shapes((1, 16, 16), 4), NoNorm())
    assert network.report() == {}
    parametrize(network, Spectral(iterations=100))
    network.advance()
    report = network.report()
    assert set(report) == {"sigma/blocks.0.0", "sigma/blocks.1.0", "sigma/output"}
    torch.testing.assert_close(
        report["sigma/output"], torch.linalg.svdvals(network.output.weight.detach())[0], rtol=1e-4, atol=1e-6
    )
