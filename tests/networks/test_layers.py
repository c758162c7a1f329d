"""What an initializer sees of a network: its responses to data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from ganlab.config.build import build_discriminator, build_generator, initialize_network
from ganlab.layer import Initializer, Layer, UninitializedNetwork
from ganlab.networks import NORMS, DCGANDiscriminator, uninitialized
from ganlab.networks.activations import Activate, ReLU
from ganlab.networks.layers import Dense
from ganlab.networks.norms import BatchNorm, BatchNormLayer
from ganlab.types import Batch, Shapes
from tests.conftest import tiny

X = torch.randn(32, 4, generator=torch.Generator().manual_seed(0))


def network() -> nn.Sequential:
    return nn.Sequential(
        Dense(4, 6, follows=ReLU()),
        BatchNorm().build(6, None),
        Activate(ReLU()),
        nn.Dropout(0.5),
        Dense(6, 3, follows=None),
    )


def layer(given: UninitializedNetwork, name: str) -> Layer:
    return next(layer for layer in given.layers if layer.name == name)


def layer_output(given: UninitializedNetwork, name: str) -> Tensor:
    assert given.layer_output is not None
    return given.layer_output(layer(given, name))


def test_there_is_no_response_without_data() -> None:
    assert uninitialized(network(), "generator").layer_output is None


def test_a_response_is_what_the_layer_puts_out_before_norm_and_activation() -> None:
    module = network()
    given = uninitialized(module, "generator", lambda: module(X))
    torch.testing.assert_close(layer_output(given, "0"), nn.functional.linear(X, module[0].weight, module[0].bias))
    norm = layer_output(given, "1")
    torch.testing.assert_close(layer_output(given, "4"), module[4](norm.relu()))


def test_dropout_is_off_while_it_responds_and_on_again_behind_it() -> None:
    module = network()
    module[3].eval()  # one that was off before stays off
    module.append(nn.Dropout(0.5))
    given = uninitialized(module, "generator", lambda: module(X))
    state = torch.get_rng_state()
    torch.testing.assert_close(layer_output(given, "4"), layer_output(given, "4"), rtol=0, atol=0)
    assert torch.equal(torch.get_rng_state(), state)  # nothing was drawn
    assert module.training
    assert (module[3].training, module[5].training) == (False, True)


def test_dropout_and_hooks_are_restored_where_the_probe_fails() -> None:
    module = network()

    def fail() -> None:
        raise ValueError("no data after all")

    with pytest.raises(ValueError, match="after all"):
        layer_output(uninitialized(module, "generator", fail), "4")
    assert module[3].training
    assert not module[4]._forward_hooks


def test_a_response_follows_the_weights_as_they_are_now_and_has_no_graph() -> None:
    module = network()
    given = uninitialized(module, "generator", lambda: module(X))
    before = layer_output(given, "0")
    assert not before.requires_grad
    layer(given, "0").weight.detach().mul_(2)
    bias = module[0].bias.detach()
    torch.testing.assert_close(layer_output(given, "0") - bias, 2 * (before - bias))
    assert not module[0]._forward_hooks


def test_the_tensors_are_parameters_and_buffers_in_place() -> None:
    module = network()
    given = uninitialized(module, "generator")
    assert set(given.tensors) == set(module.state_dict())
    given.tensors["1.running_mean"].fill_(3)
    given.tensors["0.weight"].fill_(4)
    assert torch.equal(module[1].running_mean, torch.full((6,), 3.0))
    assert torch.equal(module[0].weight, torch.full((6, 4), 4.0))


class Listening(Initializer):
    """Asks every layer and fills none."""

    def __init__(self) -> None:
        self.heard: dict[str, Tensor] = {}

    def initialize(self, uninitialized: UninitializedNetwork, rng: torch.Generator) -> list[str]:
        assert uninitialized.layer_output is not None
        self.heard = {layer.name: uninitialized.layer_output(layer) for layer in uninitialized.layers}
        return []


@pytest.mark.parametrize("name", ["generator", "discriminator"])
def test_responses_leave_batch_statistics_and_weights_untouched(name: str) -> None:
    settings = tiny(norm={"generator": {"layer": "batch"}, "discriminator": {"layer": "batch"}}).settings
    listening = Listening()
    settings = replace(settings, init=replace(settings.init, **{name: listening}))
    build: Callable[..., nn.Module] = build_generator if name == "generator" else build_discriminator
    module = build(settings)
    before = {key: value.clone() for key, value in module.state_dict().items()}
    known = Batch(torch.rand(8, *settings.data.image_shape, generator=torch.Generator().manual_seed(0)))
    initialize_network(module, name, settings, known)  # type: ignore[arg-type]
    assert listening.heard
    assert all(output.shape[0] == 8 for output in listening.heard.values())
    assert any(isinstance(one, BatchNormLayer) for one in module.modules())
    for key, value in module.state_dict().items():
        assert torch.equal(value, before[key]), key
    assert all(not one.frozen for one in module.modules() if isinstance(one, BatchNormLayer))


def test_d_responds_to_reals() -> None:
    """The first layer's response is the convolution of the images themselves."""
    module = DCGANDiscriminator(width=4).build(Shapes((1, 16, 16), 8), NORMS["none"]())
    images = torch.rand(3, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    given = uninitialized(module, "discriminator", lambda: module(Batch(images)))
    first = given.layers[0]
    expected = nn.functional.conv2d(images, first.weight, first.bias, stride=2, padding=1)
    torch.testing.assert_close(layer_output(given, first.name), expected)
