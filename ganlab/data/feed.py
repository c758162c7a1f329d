"""Batches of reals on the device, in an order that follows from the seed and a count alone."""

from __future__ import annotations

import torch
from torch import Tensor

from ganlab import streams
from ganlab.data.source import ImageSet
from ganlab.errors import UserError
from ganlab.types import Batch


def need_a_batch(image_set: ImageSet, batch_size: int) -> None:
    """Raises UserError where there are fewer images than a batch holds."""
    if len(image_set) < batch_size:
        raise UserError(
            f"batch_size={batch_size}: there are only {len(image_set):,} images; "
            f"type batch_size={len(image_set)} or less"
        )


class Feed:
    """An endless walk through an image set, a new seeded permutation each epoch. All batches have ``batch_size``
    images: an epoch's remainder begins the next batch, and no image is left out.

    ``drawn`` counts the images given out and is the whole state: set it and the walk goes on from there. Raises
    UserError where there are fewer images than a batch holds.
    """

    def __init__(
        self,
        image_set: ImageSet,
        batch_size: int,
        seed: int,
        device: torch.device,
        memory_format: torch.memory_format = torch.contiguous_format,
    ) -> None:
        need_a_batch(image_set, batch_size)
        # Whole-tensor operations only, where the images already are: an index, a conversion, no loop over images.
        self.images = image_set.images.to(device)
        self.labels = image_set.labels.to(device) if image_set.labels is not None else None
        self.batch_size, self.seed, self.memory_format = batch_size, seed, memory_format
        self.drawn = 0
        self._epoch: tuple[int, Tensor] | None = None

    def next(self, count: int | None = None) -> Batch:
        """The next ``count`` images, or a batch of them."""
        indices = []
        needed = count or self.batch_size
        while needed:
            epoch, offset = divmod(self.drawn, len(self.images))
            part = self._order(epoch)[offset : offset + needed]
            indices.append(part)
            self.drawn += len(part)
            needed -= len(part)
        return self._batch(torch.cat(indices).to(self.images.device))

    def first(self, count: int) -> Batch:
        """The first ``count`` images of the set's order in epoch 0, at every call the same."""
        return self._batch(self._permutation(0)[:count].to(self.images.device))

    def first_of_classes(self, count: int, classes: int) -> Batch:
        """The first ``count`` images of each class in that order, class by class; grey where there are fewer."""
        assert self.labels is not None
        order = self._permutation(0).to(self.images.device)
        labels = torch.arange(classes, device=self.images.device).repeat_interleave(count)
        images = torch.zeros(classes * count, *self.images.shape[1:], device=self.images.device)
        for number in range(classes):
            found = order[self.labels[order] == number][:count]
            images[number * count : number * count + len(found)] = self._batch(found).images
        return Batch(images, {"labels": labels})

    def _order(self, epoch: int) -> Tensor:
        if self._epoch is None or self._epoch[0] != epoch:
            self._epoch = (epoch, self._permutation(epoch))
        return self._epoch[1]

    def _permutation(self, epoch: int) -> Tensor:
        return torch.randperm(len(self.images), generator=streams.generator(self.seed, "data", epoch))

    def _batch(self, indices: Tensor) -> Batch:
        images = self.images[indices]
        if images.dtype == torch.uint8:
            images = images.float().div_(127.5).sub_(1.0)
        images = images.contiguous(memory_format=self.memory_format)
        return Batch(images, {"labels": self.labels[indices]} if self.labels is not None else {})
