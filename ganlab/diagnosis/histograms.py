"""Histograms of the weights, gradients and activations of all layers, from one pass through copies of the networks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ganlab import random_streams
from ganlab.diagnosis.inspection.inspect import SAMPLES, copied_gan, seeded
from ganlab.diagnosis.inspection.losses import discriminator_loss, generator_loss
from ganlab.networks.base import NetworkModule
from ganlab.networks.layers import WeightLayer
from ganlab.ranks import apart
from ganlab.training.feed import Feed
from ganlab.training.gan import GAN, UpdateContext, set_progress
from ganlab.training.observer import Histogram

BINS = 30


@dataclass(frozen=True)
class Histograms:
    """Computes the histograms of a run, with random numbers that follow from its ``seed``: the same images and latents
    at every step, so that a histogram changes because the networks do."""

    seed: int

    def __call__(self, gan: GAN, feed: Feed, progress: float) -> dict[str, Histogram]:
        """Returns histograms by ``KIND/NETWORK/LAYER``. The gradients are those of the loss of an update by the stored
        weights, the activations the outputs of the layers in G's update, the weights those that are applied.
        Nothing of the training changes. What has values that are not finite is left out."""
        count = min(SAMPLES, feed.batch_size)
        real = feed.first(max(count - count % gan.pack, gan.pack))
        seed = random_streams.derive(self.seed, "histograms/networks")
        with apart(), seeded(seed, real.images.device), torch.enable_grad():
            copied = copied_gan(gan)
            set_progress(copied, progress)
            contexts = {name: self._context(gan, name, progress) for name in ("generator", "discriminator")}
            assert isinstance(copied.generator, NetworkModule)
            assert isinstance(copied.discriminator, NetworkModule)
            # Before the losses, which advance the vectors of spectral normalization in the copies.
            applied = {name: _applied(getattr(copied, name)) for name in contexts}
            weights = list(copied.discriminator.parameters())
            with Outputs(copied.generator) as of_g, Outputs(copied.discriminator) as of_d:
                loss = generator_loss(copied, real, contexts["generator"], weights)
            found = _of(copied.generator, "generator", loss, of_g, applied["generator"])
            loss = discriminator_loss(copied, real, contexts["discriminator"])
            return found | _of(copied.discriminator, "discriminator", loss, of_d, applied["discriminator"])

    def _context(self, gan: GAN, network: str, progress: float) -> UpdateContext:
        device = next(_module(gan.generator).parameters()).device

        def rngs(stream: str) -> torch.Generator:
            return random_streams.generator(self.seed, f"histograms/{network}/{stream}", device=device)

        return UpdateContext(frozenset(gan.regularizers), rngs, progress)


class Outputs:
    """The outputs of the layers of a network in its first forward pass, by name, in the order of the calls. To be used
    as a context."""

    def __init__(self, network: nn.Module) -> None:
        self.network, self.found = network, dict[str, Tensor]()
        self._hooks: list[Any] = []

    def __enter__(self) -> Outputs:
        for name, layer in layers_of(self.network).items():
            self._hooks.append(layer.register_forward_hook(self._keep(name)))
        return self

    def __exit__(self, *error: object) -> None:
        for hook in self._hooks:
            hook.remove()

    def _keep(self, name: str) -> Any:
        def hook(module: nn.Module, inputs: Any, output: Tensor) -> None:
            self.found.setdefault(name, output.detach())

        return hook


def layers_of(network: nn.Module) -> dict[str, WeightLayer]:
    """Returns the layers with weights by name."""
    return {name: one for name, one in network.named_modules() if isinstance(one, WeightLayer)}


def histogram(values: Tensor) -> Histogram | None:
    """Returns the histogram of a tensor's elements in ``BINS`` bins of equal width between the smallest and the
    largest; None if it is empty or has an element that is not finite."""
    values = values.detach().float().flatten()
    if values.numel() == 0 or not bool(torch.isfinite(values).all()):
        return None
    low, high = float(values.min()), float(values.max())
    if low == high:  # all equal: one narrow bin around them
        margin = max(abs(low) * 1e-3, 1e-6)
        return Histogram((low - margin, low + margin), (float(values.numel()),))
    counts = torch.histc(values, BINS, low, high).tolist()
    edges = torch.linspace(low, high, BINS + 1, dtype=torch.float64).tolist()
    return Histogram(tuple(edges), tuple(counts))


@torch.no_grad()
def _applied(network: nn.Module) -> dict[str, Tensor]:
    return {name: layer.applied_weight() for name, layer in layers_of(network).items()}


def _of(
    network: nn.Module, name: str, loss: Tensor, outputs: Outputs, applied: Mapping[str, Tensor]
) -> dict[str, Histogram]:
    layers = layers_of(network)
    order = [*outputs.found, *(one for one in layers if one not in outputs.found)]
    stored = [layers[one].weight for one in order]
    gradients = torch.autograd.grad(loss, stored, allow_unused=True)
    kinds: dict[str, dict[str, Tensor | None]] = {
        "weights": {one: applied[one] for one in order},
        "gradients": dict(zip(order, gradients, strict=True)),
        "activations": {one: outputs.found.get(one) for one in order},
    }
    found: dict[str, Histogram] = {}
    for kind, tensors in kinds.items():
        for layer, tensor in tensors.items():
            counted = None if tensor is None else histogram(tensor)
            if counted is not None:
                found[f"{kind}/{name}/{layer}"] = counted
    return found


def _module(network: object) -> nn.Module:
    assert isinstance(network, nn.Module)
    return network
