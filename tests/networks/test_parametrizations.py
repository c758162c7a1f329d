from __future__ import annotations

import pytest
import torch
from torch import nn

from ganlab.networks.activations import ReLU
from ganlab.networks.layers import Convolution, Dense, TransposedConvolution, parametrize, walk
from ganlab.networks.parametrizations import Spectral

LAYERS = {
    "dense": lambda: Dense(12, 7, follows=ReLU()),
    "convolution": lambda: Convolution(6, 5, 3, follows=ReLU(), stride=2),
    "transposed": lambda: TransposedConvolution(6, 5, 4, follows=ReLU(), stride=2, padding=1),
}


def out_by_rest(layer: nn.Module) -> torch.Tensor:
    """The weight as (out, in * k * k), rearranged by hand."""
    weight = layer.weight.detach()
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
        for architecture in table.values():
            network = architecture().build(Shapes((3, 32, 32), 8), NORMS["batch"]())
            owned = [p for layer in walk(network) for p in (layer.weight, layer.bias) if p is not None]
            assert len(owned) == len(set(owned)) == len(list(network.parameters()))
            assert [layer.role for layer in walk(network)].count("output") == 1


def test_the_walk_fills_a_shared_layer_once_and_refuses_strangers() -> None:
    shared = Dense(4, 4, follows=ReLU())
    assert len(list(walk(nn.Sequential(shared, shared)))) == 1
    with pytest.raises(TypeError, match="belongs to no layer"):
        list(walk(nn.Sequential(nn.Linear(2, 2))))
