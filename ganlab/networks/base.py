"""What all generators and discriminators share: the trainer's side of their contract."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganlab.networks.layers import Convolution, Dense, Embedding, WeightLayer
from ganlab.networks.minibatch import Minibatch, NoMinibatch
from ganlab.networks.norms import BatchNormLayer
from ganlab.ranks import apart
from ganlab.table import Range
from ganlab.types import Batch, Condition, DiscriminatorOutput, Generated, Shapes

Dropout = Annotated[float, Range(least=0, below=1)]
"""Share of values dropped in training. Srivastava et al. 2014."""


class NetworkModule(nn.Module):
    origin: str = ""
    """The name under which others have published weights of this network; empty where nobody has."""

    def advance(self) -> None:
        """Moves what moves once per update of this network: spectral norm's vectors."""
        for module in self.modules():
            if isinstance(module, WeightLayer):
                module.advance()

    def weights(self) -> list[Tensor]:
        """The weights that the layers apply, each as a matrix (out, in * k * k), with their graph."""
        return [module.matrix(module.applied_weight()) for module in self.modules() if isinstance(module, WeightLayer)]

    @torch.no_grad()
    def report(self) -> dict[str, Tensor]:
        """What the layers' parametrizations want logged, such as ``sigma/blocks.0.0``."""
        return {
            f"{key}/{name}": value
            for name, module in self.named_modules()
            if isinstance(module, WeightLayer)
            for key, value in module.report().items()
        }

    @contextmanager
    def statistics_frozen(self) -> Iterator[None]:
        """Batch norm normalizes by the batch and leaves its running statistics as they are."""
        norms = [module for module in self.modules() if isinstance(module, BatchNormLayer)]
        before = [norm.frozen for norm in norms]
        for norm in norms:
            norm.frozen = True
        try:
            yield
        finally:
            for norm, frozen in zip(norms, before, strict=True):
                norm.frozen = frozen


class GeneratorModule(NetworkModule):
    """Subclasses map latents (N, latent) and a condition to ``Generated`` images."""

    def forward(self, latent: Tensor, condition: Condition) -> Generated:
        raise TypeError(f"{type(self).__name__} does not generate")


class LatentInput(nn.Module):
    """What G's first layer gets: the latent, and the label beside it where the condition is wired so. ``length`` is
    the length of both together. Mirza & Osindero 2014, section 3.2 (one-hot); Denton et al. 2015 (learned)."""

    def __init__(self, shapes: Shapes) -> None:
        super().__init__()
        wiring = shapes.wiring
        self.classes = shapes.classes if wiring.generator == "one_hot" else 0
        self.embedding = Embedding(shapes.classes, wiring.embedding) if wiring.generator == "embedding" else None
        self.length = shapes.latent + (wiring.embedding if self.embedding is not None else self.classes)

    def forward(self, latent: Tensor, condition: Condition) -> Tensor:
        if self.embedding is not None:
            return torch.cat([latent, self.embedding(condition["labels"])], dim=1)
        if self.classes:
            return torch.cat([latent, F.one_hot(condition["labels"], self.classes).to(latent.dtype)], dim=1)
        return latent


class DiscriminatorModule(NetworkModule):
    """Subclasses judge one batch in ``forward``; ``judge`` decides how many passes several batches take."""

    mixes_samples: bool = False

    def forward(self, batch: Batch, features: bool = False) -> DiscriminatorOutput:
        raise TypeError(f"{type(self).__name__} does not judge")

    def forward_all(self, *parts: Batch, features: bool = False) -> list[DiscriminatorOutput]:
        if self.mixes_samples or len(parts) == 1:
            judgements: list[DiscriminatorOutput] = [self(part, features) for part in parts]
            return judgements
        sizes = [len(part.images) for part in parts]
        together = Batch(
            torch.cat([part.images for part in parts]),
            {key: torch.cat([part.condition[key] for part in parts]) for key in parts[0].condition},
        )
        return _split(self(together, features), sizes)


class TrunkDiscriminator(DiscriminatorModule):
    """A D that is a trunk of layers with a linear output; what goes in (labels, packing) and what stands at the end
    (minibatch layers, projection, class head) is the same for all architectures.

    A subclass calls ``super().__init__``, builds its layers for images of ``inputs`` (C, H, W), gives the shape of
    what they put out to ``finish``, and says in ``trunk`` how they are run.
    """

    def __init__(self, shapes: Shapes, minibatch: Minibatch | None = None) -> None:
        super().__init__()
        channels, height, width = shapes.image
        if shapes.pack > 1 and shapes.classes:
            raise ValueError(
                f"with pack={shapes.pack} it judges several images together, and they have no common label (Lin et al. "
                "2018 pack unlabelled images); type discriminator.pack=1 or condition=none"
            )
        self.shapes, self.minibatch_setting = shapes, minibatch or NoMinibatch()
        wired = shapes.wiring.discriminator
        self.plane = Embedding(shapes.classes, height * width) if wired == "plane" else None
        planes = shapes.classes if wired == "one_hot" else int(self.plane is not None)
        self.inputs = ((channels + planes) * shapes.pack, height, width)

    def finish(self, *shape: int) -> None:
        """Builds what stands behind a trunk that puts out maps (n, C, H, W) or vectors (n, C); ``shape`` is without
        n."""
        self.minibatch, shape = self.minibatch_setting.build(shape)
        length = math.prod(shape)
        self.output: Dense | Convolution = Dense(length, 1, follows=None, role="output")
        self.finish_heads(length)

    def finish_heads(self, length: int) -> None:
        """Builds the projection and the class head for vectors of ``length``, if the condition needs them."""
        wired, classes = self.shapes.wiring.discriminator, self.shapes.classes
        self.projection = Embedding(classes, length) if wired == "projection" else None
        self.classes = Dense(length, classes, follows=None, role="output") if wired == "class" else None

    def trunk(self, x: Tensor, condition: Condition) -> list[Tensor]:
        """Features of the judged samples' images (n, *inputs), first to last."""
        raise TypeError(f"{type(self).__name__} has no trunk")

    def forward(self, batch: Batch, features: bool = False) -> DiscriminatorOutput:
        maps = self.trunk(self._packed(batch), batch.condition)
        logits, vector = self.logits(maps[-1])
        if self.projection is not None:  # Miyato & Koyama 2018, Eq. 3 and figure 1d
            inner = (self.projection(batch.condition["labels"]) * vector).sum(dim=1)
            logits = logits + inner.view(-1, *[1] * (logits.dim() - 1))
        heads = {"class": self.classes(vector)} if self.classes is not None else {}
        return DiscriminatorOutput(logits, heads, maps if features else ())

    def logits(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the logits of the last features, and these as vectors (n, length) for the projection and the class
        head."""
        vector = self.minibatch(features).flatten(1)
        return self.output(vector).squeeze(1), vector

    def _packed(self, batch: Batch) -> Tensor:
        x = batch.images
        if self.plane is not None:
            plane = self.plane(batch.condition["labels"]).view(len(x), 1, *x.shape[2:])
            x = torch.cat([x, plane.to(x.dtype)], dim=1)
        elif self.shapes.wiring.discriminator == "one_hot":
            one_hot = F.one_hot(batch.condition["labels"], self.shapes.classes).to(x.dtype)
            x = torch.cat([x, one_hot[:, :, None, None].expand(-1, -1, *x.shape[2:])], dim=1)
        # m images that are judged together are stacked along the channels (Lin et al. 2018, PacGAN, section 3).
        return x if self.shapes.pack == 1 else x.unflatten(0, (-1, self.shapes.pack)).flatten(1, 2)


def _split(judgement: DiscriminatorOutput, sizes: Sequence[int]) -> list[DiscriminatorOutput]:
    """A joint judgement as one per part; packing makes n smaller than the number of images, alike for each part."""
    pack = sum(sizes) // len(judgement.logits)
    judged = [size // pack for size in sizes]
    logits = judgement.logits.split(judged)
    heads = {key: head.split(judged) for key, head in judgement.heads.items()}
    features = [feature.split(judged) for feature in judgement.features]
    return [
        DiscriminatorOutput(
            logits[i], {key: head[i] for key, head in heads.items()}, [feature[i] for feature in features]
        )
        for i in range(len(sizes))
    ]


@torch.no_grad()
def does_mix_samples(discriminator: DiscriminatorModule, shapes: Shapes) -> bool:
    """Whether changing judged sample 1 changes the logit of judged sample 0: asked, not looked up.

    With the random weights that the network was built with, in training mode, without dropout (noise is no mixing).
    """
    rng = torch.Generator().manual_seed(0)
    images = torch.rand(2 * shapes.pack, *shapes.image, generator=rng) * 2 - 1
    changed = images.clone()
    changed[shapes.pack :] = 4 * torch.randn(shapes.pack, *shapes.image, generator=rng)
    labels = {"labels": torch.zeros(2 * shapes.pack, dtype=torch.long)} if shapes.classes else {}
    dropouts = [module for module in discriminator.modules() if isinstance(module, nn.Dropout) and module.training]
    for dropout in dropouts:
        dropout.eval()
    with apart(), discriminator.statistics_frozen():
        before, after = (discriminator(Batch(x, labels)).logits for x in (images, changed))
    for dropout in dropouts:
        dropout.train()
    moved = (after - before).abs().flatten(1).amax(dim=1) if after.dim() > 1 else (after - before).abs()
    return bool(moved[0] > 1e-5 * moved[1])


def ends_in_sigmoid(discriminator: DiscriminatorModule, shapes: Shapes) -> bool:
    """Whether the logits are a sigmoid's output: read off the graph of one judgement."""
    images = torch.zeros(2 * shapes.pack, *shapes.image)
    labels = {"labels": torch.zeros(2 * shapes.pack, dtype=torch.long)} if shapes.classes else {}
    with apart(), discriminator.statistics_frozen(), torch.enable_grad():
        node = discriminator(Batch(images, labels)).logits.grad_fn
    reshaping = ("Squeeze", "View", "Reshape", "Select", "Unsqueeze", "Alias", "Mean")
    while node is not None and node.name().startswith(reshaping):
        node = node.next_functions[0][0]
    return node is not None and node.name().startswith("Sigmoid")
