"""Images of G in evaluation mode, while it trains: to be looked at, and to be scored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor, nn

from ganlab import random_streams
from ganlab.points import POINT
from ganlab.training.feed import Feed
from ganlab.training.learner import Learner
from ganlab.training.observer import Samples
from ganlab.training.updates import GAN
from ganlab.types import Batch

LATTICE = 100  # points a side, for a picture of D over the plane
FAKES = 64  # images that are generated at once to be scored


class Sampler:
    """Generates from latents that are the same in the whole run; nothing is changed by it. ``shown`` images are in a
    picture."""

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
        """Whose images are scored: the average's where one is kept, otherwise G's own."""
        return "average" if self.generator.average else "network"

    @torch.no_grad()
    def fakes(self, count: int) -> Iterator[Tensor]:
        """``count`` images of those ``weights``, in parts; labels as they are drawn in training."""
        network = self.generator.average.network if self.generator.average else self.generator.network
        with _evaluating(network):
            for number, start in enumerate(range(0, count, FAKES)):
                size = min(FAKES, count - start)
                rng = random_streams.generator(self.seed, "evaluation", number)
                latent = self.gan.latent.draw(size, rng)
                known = self.feed.trained_on(size, number).condition  # other labels in each part
                known = {key: value.cpu() for key, value in known.items()}
                told = self.gan.condition.fake_condition(size, self.gan.classes, known, rng)
                told = {key: value.to(self.device) for key, value in told.items()}
                yield network(latent.to(self.device), told).images

    @torch.no_grad()
    def samples(self, with_real: bool = False) -> Samples:
        """A picture's images of G, and of its average where one is kept. With classes, one row a class, and one latent
        a column."""
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
        # Points are drawn over the reals in one picture, which needs them every time, also after a resume.
        if with_real and columns and not points:
            shown = self.feed.first_of_classes(columns, self.gan.classes)
        images = {"real": shown.images.float().cpu()} if with_real or points else {}
        for name, network in networks.items():
            with _evaluating(network):
                images[name] = network(latent.to(self.device), condition).images.float().cpu()
        sources = [value.float().cpu() for value in condition.values() if value.dim() == 4]
        if sources:
            images["comparison"] = beside_each_other([*sources, images[[*networks][-1]], shown.images.float().cpu()])
        return Samples(images, columns, self._levels() if points and not condition else None)

    def _levels(self) -> Tensor | None:
        """D's logits over the plane, where images are its points; of one point repeated, where it judges several
        together. None for a D that compares its samples: to it the lattice would be a batch that nobody makes."""

        def judge(points: Tensor) -> Tensor:
            (judgement,) = self.gan.discriminator.forward_all(Batch(points.repeat_interleave(self.gan.pack, 0)))
            return judgement.sample_logits

        side = torch.linspace(-1.5, 1.5, LATTICE, device=self.device)
        lattice = torch.stack(torch.meshgrid(side, side, indexing="xy"), dim=-1).reshape(-1, 2, 1, 1)
        some = lattice[:: len(lattice) // 8]
        with _evaluating(self.discriminator.network):
            alone, among = judge(some[:4]), judge(some)
            if (among[:4] - alone).abs().max() > 1e-3 * (among.max() - among.min()):
                return None
            return judge(lattice).reshape(LATTICE, LATTICE).cpu()


def beside_each_other(columns: Sequence[Tensor]) -> Tensor:
    """Returns images (N, C, H, k * W) that show k aligned images (N, C or 1, H, W) beside each other, such as source,
    generated image and real image."""
    channels = max(one.shape[1] for one in columns)
    count = min(len(one) for one in columns)
    return torch.cat([one[:count].expand(-1, channels, -1, -1) for one in columns], dim=3)


@contextmanager
def _evaluating(network: nn.Module) -> Iterator[None]:
    training = network.training
    network.eval()
    try:
        yield
    finally:
        network.train(training)
