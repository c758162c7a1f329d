"""Base classes of generators and discriminators, which implement the contract with the trainer."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganlab import deprecated
from ganlab.networks.dropout import ScheduledDropout, without_dropout
from ganlab.networks.layers import Convolution, Dense, Embedding, WeightLayer
from ganlab.networks.minibatch import Minibatch, NoMinibatch
from ganlab.networks.norms import BatchNormLayer
from ganlab.ranks import apart
from ganlab.types import Batch, Condition, DiscriminatorOutput, Generated, Shapes


class NetworkModule(nn.Module):
    """Base class of both networks."""

    origin: str = ""
    """The name under which weights of this network are published, such as ``resnet18``; empty if there are none."""

    def advance(self) -> None:
        """Advances the state that changes once per update of this network: the vectors of spectral normalization."""
        for module in self.modules():
            if isinstance(module, WeightLayer):
                module.advance()

    def set_progress(self, progress: float | Tensor) -> None:
        """Sets the share of training that is done, for dropout whose rate is a schedule."""
        for layer in self._scheduled:
            layer.progress = progress

    @cached_property
    def _scheduled(self) -> list[ScheduledDropout]:
        return [module for module in self.modules() if isinstance(module, ScheduledDropout)]

    def weights(self) -> list[Tensor]:
        """Returns the weights that the layers apply, each as a matrix (out, in * k * k), differentiable."""
        return [module.matrix(module.applied_weight()) for module in self.modules() if isinstance(module, WeightLayer)]

    @torch.no_grad()
    def report(self) -> dict[str, Tensor]:
        """Returns the scalars to log of the layers' parametrizations, by name, such as ``sigma/blocks.0.0``."""
        return {
            f"{key}/{name}": value
            for name, module in self.named_modules()
            if isinstance(module, WeightLayer)
            for key, value in module.report().items()
        }

    @contextmanager
    def statistics_frozen(self) -> Iterator[None]:
        """Returns a context in which batch norm normalizes by the batch and does not update its running statistics."""
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
    """Base class of generators. Subclasses map latents (N, latent) and a condition to ``Generated`` images."""

    def forward(self, latent: Tensor, condition: Condition) -> Generated:
        """Returns images for latents (N, latent) and the condition of each."""
        raise TypeError(f"{type(self).__name__} defines no forward pass")

    def codes(self, condition: Condition) -> Mapping[str, Tensor]:
        """Returns the codes (N, length) of the images of a condition, by their names; {} without encoders."""
        return {}


class LatentInput(nn.Module):
    """The input of G's first layer (N, length): the latent, concatenated with the label if the condition is wired so,
    as a one-hot vector (Mirza & Osindero 2014, section 3.2) or a learned vector (Denton et al. 2015)."""

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
    """Base class of discriminators. Subclasses map one batch to a ``DiscriminatorOutput`` in ``forward``."""

    mixes_samples: bool = False
    """Whether a sample's logit depends on the other samples of its batch. ``build_discriminator`` sets it. It is no
    argument of the constructor, since it is measured on the complete network (``does_mix_samples``), and no argument of
    ``forward_all``, since regularizers call that and do not know it."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        deprecated.methods(cls, "DiscriminatorModule")

    def forward(self, batch: Batch, features: bool = False) -> DiscriminatorOutput:
        """Returns D's output on one batch, with the features of its inner layers if ``features``."""
        raise TypeError(f"{type(self).__name__} defines no forward pass")

    def forward_all(self, *batches: Batch, features: bool = False) -> list[DiscriminatorOutput]:
        """Returns D's output on each batch: in one pass over all of them, or in a pass for each batch if D mixes
        samples."""
        if self.mixes_samples or len(batches) == 1:
            outputs: list[DiscriminatorOutput] = [self(batch, features) for batch in batches]
            return outputs
        sizes = [len(batch.images) for batch in batches]
        together = Batch(
            torch.cat([batch.images for batch in batches]),
            {key: torch.cat([batch.condition[key] for batch in batches]) for key in batches[0].condition},
        )
        return _split(self(together, features), sizes)


deprecated.methods(DiscriminatorModule, "DiscriminatorModule")


class TrunkDiscriminator(DiscriminatorModule):
    """A discriminator with a trunk of layers and a linear output. The input (labels, packing) and the end (minibatch
    layer, projection, class head) are the same for all architectures.

    A subclass calls ``super().__init__``, builds its layers for inputs of the shape ``inputs`` (C, H, W) as ``blocks``
    or defines ``trunk``, and calls ``finish`` with the shape of the trunk's last features. A subclass whose output is a
    map defines ``output`` and ``logits`` itself, and calls ``finish_heads``.
    """

    blocks: nn.ModuleList

    def __init__(self, shapes: Shapes, minibatch: Minibatch | None = None) -> None:
        super().__init__()
        channels, height, width = shapes.image
        if shapes.pack > 1 and (shapes.classes or shapes.heads):
            raise ValueError(
                f"with discriminator.pack={shapes.pack} a sample is several images, and they have no common label (Lin "
                "et al. 2018 pack unlabelled images); type discriminator.pack=1 or condition=none"
            )
        self.shapes, self.minibatch_setting = shapes, minibatch or NoMinibatch()
        wired = shapes.wiring.discriminator
        self.plane = Embedding(shapes.classes, height * width) if wired == "plane" else None
        planes = shapes.classes if wired == "one_hot" else int(self.plane is not None)
        for name, shape in shapes.sources.items():
            if shape[1:] != (height, width):
                raise ValueError(
                    f"it concatenates {name} to the image, and images of {shape[1]}×{shape[2]} do not fit to "
                    f"{height}×{width}; type the same data.size for both"
                )
            planes += shape[0]
        self.inputs = ((channels + planes) * shapes.pack, height, width)

    def finish(self, *shape: int) -> None:
        """Builds the minibatch layer, the linear output and the heads for a trunk whose last features are maps
        (n, C, H, W) or vectors (n, C); ``shape`` is their shape without n."""
        self.minibatch, shape = self.minibatch_setting.build(shape)
        length = math.prod(shape)
        self.output: Dense | Convolution = Dense(length, 1, follows=None, role="output")
        self.finish_heads(length)

    def finish_heads(self, length: int) -> None:
        """Builds the projection, the class head and a head for each further label, for vectors of ``length``, if the
        condition needs them."""
        wired, classes = self.shapes.wiring.discriminator, self.shapes.classes
        self.projection = Embedding(classes, length, projects=True) if wired == "projection" else None
        self.classes = Dense(length, classes, follows=None, role="output") if wired == "class" else None
        self.heads = nn.ModuleDict(
            {name: Dense(length, count, follows=None, role="output") for name, count in self.shapes.heads.items()}
        )

    def trunk(self, x: Tensor, condition: Condition) -> list[Tensor]:
        """Returns the features of the samples (n, *inputs), from the first layer to the last: the output of each of
        the ``blocks``."""
        maps: list[Tensor] = []
        for block in self.blocks:
            x = block(x, condition)
            maps.append(x)
        return maps

    def forward(self, batch: Batch, features: bool = False) -> DiscriminatorOutput:
        maps = self.trunk(self._packed(batch), batch.condition)
        logits, vector = self.logits(maps[-1])
        if self.projection is not None:  # Miyato & Koyama 2018, Eq. 3 and figure 1d
            inner = (self.projection(batch.condition["labels"]) * vector).sum(dim=1)
            logits = logits + inner.view(-1, *[1] * (logits.dim() - 1))
        heads = {"class": self.classes(vector)} if self.classes is not None else {}
        heads |= {name: head(vector) for name, head in self.heads.items()}
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
        if self.shapes.sources:
            x = torch.cat([x, *(batch.condition[name].to(x.dtype) for name in self.shapes.sources)], dim=1)
        # The m images of a sample are concatenated along the channels (Lin et al. 2018, PacGAN, section 3).
        return x if self.shapes.pack == 1 else x.unflatten(0, (-1, self.shapes.pack)).flatten(1, 2)


def _split(output: DiscriminatorOutput, sizes: Sequence[int]) -> list[DiscriminatorOutput]:
    """Splits D's output on concatenated batches of so many images into one output per batch. A sample is several images
    if D packs them."""
    pack = sum(sizes) // len(output.logits)
    samples = [size // pack for size in sizes]
    logits = output.logits.split(samples)
    heads = {key: head.split(samples) for key, head in output.heads.items()}
    features = [feature.split(samples) for feature in output.features]
    return [
        DiscriminatorOutput(
            logits[i], {key: head[i] for key, head in heads.items()}, [feature[i] for feature in features]
        )
        for i in range(len(sizes))
    ]


@torch.no_grad()
def does_mix_samples(discriminator: DiscriminatorModule, shapes: Shapes) -> bool:
    """Returns whether a sample's logit depends on the other samples of its batch. It is measured: the function changes
    the second of two samples and compares the logits of the first.

    The network has the random weights that it was built with and is in training mode, without dropout, whose noise is
    no mixing.
    """
    rng = torch.Generator().manual_seed(0)
    images = torch.rand(2 * shapes.pack, *shapes.image, generator=rng) * 2 - 1
    changed = images.clone()
    changed[shapes.pack :] = 4 * torch.randn(shapes.pack, *shapes.image, generator=rng)
    condition = shapes.example_condition(2 * shapes.pack)
    with apart(), discriminator.statistics_frozen(), without_dropout(discriminator):
        before, after = (discriminator(Batch(x, condition)).logits for x in (images, changed))
    moved = (after - before).abs().flatten(1).amax(dim=1) if after.dim() > 1 else (after - before).abs()
    return bool(moved[0] > 1e-5 * moved[1])


def ends_in_sigmoid(discriminator: DiscriminatorModule, shapes: Shapes) -> bool:
    """Returns whether the logits are the output of a sigmoid, according to the autograd graph of one forward pass."""
    images = torch.zeros(2 * shapes.pack, *shapes.image)
    condition = shapes.example_condition(2 * shapes.pack)
    with apart(), discriminator.statistics_frozen(), torch.enable_grad():
        node = discriminator(Batch(images, condition)).logits.grad_fn
    reshaping = ("Squeeze", "View", "Reshape", "Select", "Unsqueeze", "Alias", "Mean")
    while node is not None and type(node).__name__.startswith(reshaping):  # PyTorch 2.6: no name() of own functions
        node = node.next_functions[0][0]
    return type(node).__name__.startswith("Sigmoid")
