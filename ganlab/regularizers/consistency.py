from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from ganlab.random_numbers import integers, uniform
from ganlab.table import NonNegativeInt, Positive, PositiveInt
from ganlab.types import Batch, DiscriminatorOutput, Regularizer, Update


@dataclass(frozen=True)
class Consistency(Regularizer):
    """E (D(x) - D(T(x)))²: the penalty on the difference of D's logits of an image and of its small change T, a shift
    by up to ``shift`` pixels each way (edges repeated) and, for half of the images, a reflection. Zhang et al. 2020,
    CR-GAN: weight 10, on reals. If D's output is a map, D(x) is the mean over its places, because T moves what a place
    covers.

    ``images: both`` adds the same for fakes (balanced consistency, Zhao et al. 2021: weight 10 for each). T is applied
    after the augmentations, with random numbers of its own for each image, and D takes the changed images in a separate
    pass: if D mixes samples, each of the two outputs depends on its own batch. A point of the plane (1×1) does not
    change, and the penalty is 0.
    """

    weight: Positive = 10.0
    interval: PositiveInt = 1  # D updates
    images: Literal["real", "both"] = "real"
    shift: NonNegativeInt = 4  # pixels
    flip: bool = True

    def __post_init__(self) -> None:
        if not (self.shift or self.flip):
            raise ValueError("found shift=0 with flip=false, which changes no image; type shift=4 or flip=true")

    def discriminator(self, update: Update) -> Tensor:
        assert update.real_output is not None
        pairs: list[tuple[Batch, DiscriminatorOutput]] = [(update.augmented_real, update.real_output)]
        if self.images == "both":
            pairs.append((update.augmented_fake, update.fake_output))
        draw = update.rngs("consistency")
        changed = [Batch(self._changed(seen.images.detach(), draw), seen.condition) for seen, _ in pairs]
        again = update.discriminator.forward_all(*changed)
        errors = [
            (judged.sample_logits - other.sample_logits).square().mean()
            for (_, judged), other in zip(pairs, again, strict=True)
        ]
        return torch.stack(errors).sum()

    def _changed(self, images: Tensor, rng: torch.Generator) -> Tensor:
        """T of images (N, C, H, W), each with its own draws."""
        count = len(images)
        for axis in (2, 3):
            side = images.shape[axis]
            source = torch.arange(side, device=images.device).expand(count, side)
            if axis == 3 and self.flip:
                mirrored = uniform((count, 1), rng) < 0.5
                source = torch.where(mirrored, side - 1 - source, source)
            if self.shift:
                moved = integers(-self.shift, self.shift + 1, (count, 1), rng)
                source = (source + moved).clamp(0, side - 1)
            along = (count, 1, side, 1) if axis == 2 else (count, 1, 1, side)
            images = images.gather(axis, source.view(along).expand_as(images))
        return images
