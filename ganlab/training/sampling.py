"""Samples of the generator during training, in evaluation mode: for pictures, and for scores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor, nn

from ganlab import random_streams
from ganlab.points import POINT
from ganlab.training.feed import Feed
from ganlab.training.gan import GAN
from ganlab.training.learner import Learner
from ganlab.training.observer import Samples
from ganlab.types import Batch, Condition

LATTICE = 100  # points per side of the lattice on which D's logits are drawn
FAKES = 64  # images that are generated at once for scores


class Sampler:
    """Generates samples from latents that are fixed for a whole run, without changing any state of the training.
    ``shown`` is the number of images in a picture."""

    def __init__(
        self,
        gan: GAN,
        generator: Learner,
        discriminator: Learner,
        feed: Feed,
        device: torch.device,
        seed: int,
        shown: int,
    ) -> None:
        self.gan, self.generator, self.discriminator, self.feed = gan, generator, discriminator, feed
        self.device, self.seed, self.shown = device, seed, shown

    @property
    def weights(self) -> Literal["average", "network"]:
        """The weights whose images are scored: ``average`` if G's weights are averaged, otherwise ``network``."""
        return "average" if self.generator.average else "network"

    @torch.no_grad()
    def fakes(self, count: int) -> Iterator[Tensor]:
        """Yields ``count`` images (n, C, H, W) in [-1, 1] of those ``weights``, in parts on the device. Their
        conditions are drawn as in training."""
        network = self.generator.average.network if self.generator.average else self.generator.network
        with _evaluating(network):
            for number, start in enumerate(range(0, count, FAKES)):
                size = min(FAKES, count - start)
                rng = random_streams.generator(self.seed, "evaluation", number)
                latent = self.gan.latent.draw(size, rng)
                real = self.feed.trained_on(size, number).condition  # other labels in each part
                real = {key: value.cpu() for key, value in real.items()}
                condition = self.gan.condition.fake_condition(size, self.gan.classes, real, rng)
                condition = {key: value.to(self.device) for key, value in condition.items()}
                yield network(latent.to(self.device), condition).images

    @torch.no_grad()
    def samples(self, with_real: bool = False) -> Samples:
        """Returns ``shown`` images of G, and of its average if one is kept; with the real images if ``with_real``.

        With classes, images are ordered by class, ``shown // classes`` of each, from the same latents for all classes.
        """
        count, columns = self.shown, None
        rng = random_streams.generator(self.seed, "samples")
        if 1 < self.gan.classes <= count:
            columns = count // self.gan.classes
            latent = self.gan.latent.sample(columns, rng).repeat(self.gan.classes, 1)
        else:
            latent = self.gan.latent.sample(count, rng)
        shown = self.feed.first(count)
        condition = self.gan.condition.grid_condition(len(latent), self.gan.classes, shown.condition)
        condition = {key: value.to(self.device) for key, value in condition.items()}
        networks = {"generator": self.generator.network}
        if self.generator.average:
            networks["average"] = self.generator.average.network
        points = tuple(shown.images.shape[1:]) == POINT
        # Every picture of points shows the real ones too, also after a resume.
        if with_real and columns and not points:
            shown = self.feed.first_of_classes(columns, self.gan.classes)
        images = {"real": shown.images.float().cpu()} if with_real or points else {}
        for name, network in networks.items():
            with _evaluating(network):
                images[name] = network(latent.to(self.device), condition).images.float().cpu()
        sources = tuple(name for name, value in condition.items() if value.dim() == 4)
        if sources:
            last = [*networks][-1]
            images["comparison"] = _compared(condition, images[last], shown)
            for part in self.feed.parts:
                images[f"comparison-{part}"] = self._of_part(networks[last], part, latent)
        levels = self._levels() if points and not condition else None
        return Samples(images, columns, levels, (*sources, "sample", "real image"))

    def _of_part(self, network: nn.Module, part: str, latent: Tensor) -> Tensor:
        """Returns the comparison of the images of a part of the data, such as those that are held out."""
        shown = self.feed.part(part, len(latent))
        count = len(shown.images)
        condition = self.gan.condition.grid_condition(count, self.gan.classes, shown.condition)
        condition = {key: value.to(self.device) for key, value in condition.items()}
        with _evaluating(network):
            return _compared(condition, network(latent[:count].to(self.device), condition).images, shown)

    def _levels(self) -> Tensor | None:
        """Returns D's logits (LATTICE, LATTICE) at points of the plane; with packing, of a pack that repeats one point.
        None if a logit depends on the other samples of the batch, since training has no batch like the lattice."""

        def logits(points: Tensor) -> Tensor:
            (output,) = self.gan.discriminator.forward_all(Batch(points.repeat_interleave(self.gan.pack, 0)))
            return output.sample_logits

        side = torch.linspace(-1.5, 1.5, LATTICE, device=self.device)
        lattice = torch.stack(torch.meshgrid(side, side, indexing="xy"), dim=-1).reshape(-1, 2, 1, 1)
        some = lattice[:: len(lattice) // 8]
        with _evaluating(self.discriminator.network):
            alone, among = logits(some[:4]), logits(some)
            if (among[:4] - alone).abs().max() > 1e-3 * (among.max() - among.min()):
                return None
            return logits(lattice).reshape(LATTICE, LATTICE).cpu()


def _compared(condition: Condition, generated: Tensor, real: Batch) -> Tensor:
    """Returns the images of a condition, the generated ones and the real ones beside each other, on the CPU."""
    sources = [value for value in condition.values() if value.dim() == 4]
    return beside_each_other([one.float().cpu() for one in (*sources, generated, real.images)])


def beside_each_other(columns: Sequence[Tensor]) -> Tensor:
    """Returns images (N, C, H, k * W) that show k aligned images (N, C or 1, H, W) beside each other, such as source,
    generated image and real image."""
    channels = max(one.shape[1] for one in columns)
    count = min(len(one) for one in columns)
    return torch.cat([one[:count].expand(-1, channels, -1, -1) for one in columns], dim=3)


@contextmanager
def _evaluating(network: nn.Module) -> Iterator[None]:
    """Puts a network into evaluation mode, and back into its mode."""
    training = network.training
    network.eval()
    try:
        yield
    finally:
        network.train(training)
