from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from ganlab.random_numbers import integers, uniform
from ganlab.table import Moving, NonNegativeInt, Positive, PositiveInt
from ganlab.types import Batch, DiscriminatorOutput, Regularizer, Update


@dataclass(frozen=True)
class Consistency(Regularizer):
    """Consistency regularization, E (D(x) - D(T(x)))²: penalizes the difference between D's logits of an image and of
    its transformation T, which shifts it by up to ``shift`` pixels in each direction (edges repeated) and mirrors
    half of the images. Zhang et al. 2020, CR-GAN: weight 10, on reals. If D's output is a map, D(x) is the mean over
    its places, because T moves the part of the image that belongs to a place.

    ``images: both`` adds the same term for fakes (balanced consistency, Zhao et al. 2021: weight 10 for each). T is
    applied after the augmentations, with separate random numbers for each image, and D receives the transformed
    images in a separate pass: if D mixes samples, each of the two outputs depends on its own batch. A point of the
    plane (1×1) does not change, so its penalty is 0.
    """

    weight: Moving[Positive] = 10.0
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
        rng = update.rngs("consistency")
        changed = [self._changed(batch, rng) for batch, _ in pairs]
        again = update.discriminator.forward_all(*changed)
        errors = [
            (output.sample_logits - other.sample_logits).square().mean()
            for (_, output), other in zip(pairs, again, strict=True)
        ]
        return torch.stack(errors).sum()

    def _changed(self, batch: Batch, rng: torch.Generator) -> Batch:
        """Returns T of a batch: its images and the aligned images of its condition are transformed alike."""
        aligned = {key: value for key, value in batch.condition.items() if value.dim() == 4}
        together = [batch.images.detach(), *aligned.values()]
        changed = self._moved(torch.cat(together, dim=1), rng).split([one.shape[1] for one in together], dim=1)
        return Batch(changed[0], {**batch.condition, **dict(zip(aligned, changed[1:], strict=True))})

    def _moved(self, images: Tensor, rng: torch.Generator) -> Tensor:
        """Returns T of images (N, C, H, W), with separate random numbers for each image."""
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
