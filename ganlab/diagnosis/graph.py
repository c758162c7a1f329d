"""The graph of the networks, as TensorBoard draws it."""

from __future__ import annotations

import io
import warnings
from contextlib import redirect_stdout
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ganlab import random_streams
from ganlab.diagnosis.inspection.inspect import copied_gan, seeded
from ganlab.ranks import apart
from ganlab.training.feed import Feed
from ganlab.training.gan import GAN, augmented, set_progress
from ganlab.types import Batch


class BothNetworks(nn.Module):
    """G, and D on what G makes: from latents (N, latent) to D's logits, with ``condition`` and augmentation as in an
    update of G."""

    def __init__(self, gan: GAN, condition: dict[str, Tensor], seed: int) -> None:
        super().__init__()
        self.gan, self.condition, self.seed = gan, condition, seed
        self.generator, self.discriminator = _module(gan.generator), _module(gan.discriminator)

    def forward(self, latent: Tensor) -> Tensor:
        fake = self.generator(latent, self.condition).images

        def rngs(stream: str) -> torch.Generator:
            return random_streams.generator(self.seed, f"graph/{stream}", device=fake.device)

        seen = augmented(self.gan, Batch(fake, self.condition), "fake", rngs, 0.0)
        logits: Tensor = self.discriminator(seen).logits
        return logits


def _module(network: object) -> nn.Module:
    assert isinstance(network, nn.Module)
    return network


@dataclass(frozen=True)
class NetworkGraph:
    """Traces one pass of a few images through copies of both networks, with random numbers that follow from its
    ``seed``."""

    seed: int

    def __call__(self, gan: GAN, feed: Feed) -> bytes:
        """Returns a serialized TensorFlow ``GraphDef`` (the format of TensorBoard's tab *Graphs*), in which each module
        is a box that opens. Nothing of the training changes. Raises RuntimeError for networks that
        ``torch.jit.trace`` does not take."""
        from torch.utils.tensorboard._pytorch_graph import graph

        count = gan.pack if feed.batch_size < 2 * gan.pack else 2 * gan.pack  # two samples of D, where it can be
        real = feed.first(count)
        device = real.images.device

        def rngs(stream: str) -> torch.Generator:
            return random_streams.generator(self.seed, f"graph/{stream}", device=device)

        with apart(), seeded(random_streams.derive(self.seed, "graph/networks"), device), torch.no_grad():
            copied = copied_gan(gan)
            set_progress(copied, 0.0)
            condition = dict(copied.condition.fake_condition(count, copied.classes, real.condition, rngs("condition")))
            latent = copied.latent.draw(count, rngs("latent"))
            with redirect_stdout(io.StringIO()), warnings.catch_warnings():
                # It prints the error that it raises, and warns of each size that it takes for a constant.
                warnings.simplefilter("ignore")
                found, _ = graph(BothNetworks(copied, condition, self.seed), (latent,))
        for node in found.node:  # without the outermost box, so that both networks are seen at once
            node.name = _inside(node.name)
            for place, name in enumerate(node.input):
                node.input[place] = _inside(name)
        return bytes(found.SerializeToString())


def _inside(name: str) -> str:
    return name.removeprefix(f"{BothNetworks.__name__}/")
