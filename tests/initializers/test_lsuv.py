from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from ganlab import random_streams
from ganlab.config.build import build_discriminator, build_generator, initialize_network
from ganlab.initializers.lsuv import LSUV
from ganlab.initializers.orthogonal import OrthogonalInitializer
from ganlab.layer import Layer
from ganlab.networks import uninitialized, use_fast_kernels, walk
from ganlab.networks.activations import Activate, LeakyReLU, ReLU
from ganlab.networks.layers import Convolution, Dense, Embedding, TransposedConvolution
from ganlab.networks.norms import BatchNorm, BatchNormLayer
from ganlab.training.trainer import Trainer
from ganlab.types import Batch
from tests.conftest import tiny

X = torch.randn(16, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 5 + 1


def convolutional(norm: bool = False) -> nn.Sequential:
    return nn.Sequential(
        Convolution(3, 8, 3, follows=ReLU()),
        *([BatchNorm().build(8, (6, 6))] if norm else []),
        Activate(ReLU()),
        TransposedConvolution(8, 6, 4, stride=2, follows=LeakyReLU()),
        Activate(LeakyReLU()),
        Convolution(6, 4, 4, stride=2, follows=ReLU()),
        Activate(ReLU()),
        nn.Flatten(),
        Dense(4 * 6 * 6, 5, follows=None, role="output"),
    )


def initialize(lsuv: LSUV, network: nn.Module, probe: Callable[[], object] | None) -> list[str]:
    return list(lsuv.initialize(uninitialized(network, "discriminator", probe), torch.Generator().manual_seed(1)))


def outputs(network: nn.Module, run: Callable[[], object]) -> dict[str, Tensor]:
    """What each layer puts out, by hooks of our own."""
    heard: dict[str, Tensor] = {}
    modules = dict(network.named_modules())
    hooks = [
        modules[layer.name].register_forward_hook(
            lambda module, args, output, name=layer.name: heard.__setitem__(name, output)
        )
        for layer in walk(network)
        if layer.kind not in ("norm", "embedding")
    ]
    use_fast_kernels(network, False)  # each layer by itself
    with torch.no_grad():
        run()
    use_fast_kernels(network, True)
    for hook in hooks:
        hook.remove()
    return heard


@pytest.mark.parametrize("norm", [False, True], ids=["plain", "with a norm"])
def test_every_layer_has_unit_variance_and_is_its_orthonormal_start_rescaled(norm: bool) -> None:
    network, before = convolutional(norm), convolutional(norm)
    assert initialize(LSUV(tolerance=0.01), network, lambda: network(X)) == []
    heard = outputs(network, lambda: network(X))
    assert len(heard) == 4
    for name, output in heard.items():
        assert output.var(correction=0).item() == pytest.approx(1, abs=0.011), name
    OrthogonalInitializer(gain=1.0).initialize(uninitialized(before, "discriminator"), torch.Generator().manual_seed(1))
    for ours, theirs in zip(walk(network), walk(before), strict=True):
        if ours.kind != "norm":
            ratio = ours.weight.detach() / theirs.weight.detach()
            torch.testing.assert_close(ratio, ratio.flatten()[0].expand_as(ratio), rtol=1e-3, atol=0)
            assert abs(ratio.flatten()[0].item() - 1) > 0.05


def test_a_layer_within_the_tolerance_stays_and_another_variance_is_reached() -> None:
    network = convolutional()
    initialize(LSUV(variance=4.0, tolerance=1e-3), network, lambda: network(X))
    for output in outputs(network, lambda: network(X)).values():
        assert output.var(correction=0).item() == pytest.approx(4, abs=2e-3)
    start_, loose = convolutional(), convolutional()
    OrthogonalInitializer(gain=1.0).initialize(uninitialized(start_, "discriminator"), torch.Generator().manual_seed(1))
    initialize(LSUV(tolerance=1e6), loose, lambda: loose(X))
    assert all(map(torch.equal, start_.parameters(), loose.parameters()))


def test_it_goes_on_until_the_tolerance_or_the_last_iteration() -> None:
    """A response that is not proportional to the weight takes several rounds."""
    network = nn.Sequential(Dense(4, 4, follows=None))
    asked: list[float] = []

    def layer_output(layer: Layer) -> Tensor:
        size = layer.weight.detach().norm().item()
        asked.append(size)
        return torch.tensor([1.0, -1.0]) * (1 + size**2) / 2  # too much until the norm is 1

    def notes(iterations: int) -> list[str]:
        asked.clear()
        given = replace(uninitialized(network, "discriminator"), layer_output=layer_output)
        lsuv = LSUV(iterations=iterations, tolerance=1e-6)
        return list(lsuv.initialize(given, torch.Generator()))

    assert notes(2) == ["lsuv: the output variance of 0 is not within 1e-06 of 1"]
    assert len(asked) == 3  # measured, rescaled, measured, rescaled, measured
    assert notes(50) == []
    assert 4 < len(asked) < 50


def test_without_data_it_says_so_and_is_orthonormal() -> None:
    network = convolutional()
    (note,) = initialize(LSUV(), network, None)
    assert "no training data" in note
    weight = network[0].weight.detach().flatten(1)
    torch.testing.assert_close(weight @ weight.t(), torch.eye(8), atol=1e-5, rtol=0)


def test_a_layer_whose_output_does_not_vary_is_left_and_named() -> None:
    network = nn.Sequential(
        Dense(4, 4, follows=ReLU()), nn.Threshold(1e9, 0.5), Dense(4, 1, follows=None), nn.Flatten()
    )
    x = torch.randn(8, 4, generator=torch.Generator().manual_seed(0))
    (note,) = initialize(LSUV(), network, lambda: network(x))
    assert "left 2 orthonormal" in note
    assert network[2].weight.norm().item() == pytest.approx(1, rel=1e-5)
    assert outputs(network, lambda: network(x))["0"].var(correction=0).item() == pytest.approx(1, abs=0.1)


def test_zero_input_makes_no_infinities() -> None:
    network = convolutional()
    (note,) = initialize(LSUV(), network, lambda: network(torch.zeros_like(X)))
    assert "orthonormal" in note
    assert all(parameter.isfinite().all() for parameter in network.parameters())


def test_embeddings_are_not_rescaled() -> None:
    embedding = Embedding(6, 10)
    network = nn.Sequential(embedding, Dense(10, 3, follows=None))
    labels = torch.arange(6)
    assert initialize(LSUV(), network, lambda: network(labels)) == []
    weight = embedding.weight.detach()
    torch.testing.assert_close(weight @ weight.t(), torch.eye(6), atol=1e-5, rtol=0)


NORMS = ["none", "batch", "layer"]


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("architecture", ["dcgan", "resnet", "mlp"])
def test_it_works_in_both_networks_of_each_architecture(architecture: str, norm: str) -> None:
    settings = tiny(
        generator={"name": architecture},
        discriminator={"name": architecture},
        init={"generator": "lsuv", "discriminator": "lsuv"},
        norm={"generator": {"layer": norm}, "discriminator": {"layer": norm}},
    ).settings
    rng = torch.Generator().manual_seed(0)
    real = Batch(torch.rand(16, *settings.data.image_shape, generator=rng) * 2 - 1)
    generator, discriminator = build_generator(settings), build_discriminator(settings)
    for network in (generator, discriminator):
        for module in network.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0  # what is measured below is measured without
    assert initialize_network(generator, "generator", settings, real) == []
    assert initialize_network(discriminator, "discriminator", settings, real) == []
    latent = settings.latent.draw(16, random_streams.generator(settings.seed, "init/probe"))  # those it was set on
    for network, run in (
        (generator, lambda: generator(latent, {})),
        (discriminator, lambda: discriminator(real)),
    ):
        statistics = [module for module in network.modules() if isinstance(module, BatchNormLayer)]
        assert all(not module.running_mean.any() for module in statistics)
        for name, output in outputs(network, run).items():
            assert output.var(correction=0).item() == pytest.approx(1, abs=0.101), name


def test_it_trains_from_there(make_trainer: Callable[..., Trainer]) -> None:
    trainer = make_trainer(steps=1, init={"generator": "lsuv", "discriminator": "lsuv"})
    assert trainer.notes == []
    trainer.run()
