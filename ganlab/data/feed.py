"""Batches of real images on the device, in an order that depends on the seed and a count alone."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from ganlab import random_streams
from ganlab.data.source import Drawn, ImageSet, evenly
from ganlab.errors import UserError
from ganlab.random_numbers import UNSHARDED, Shard
from ganlab.types import Batch


def need_a_batch(image_set: ImageSet, batch_size: int) -> None:
    """Raises UserError if there are fewer images than a batch holds."""
    if len(image_set) < batch_size:
        raise UserError(
            f"batch_size={batch_size}: there are only {len(image_set):,} images; "
            f"type batch_size={len(image_set)} or less"
        )


class Feed:
    """An endless sequence of the images of a set, in a new seeded permutation each epoch. All batches have
    ``batch_size`` images: the remainder of an epoch begins the next batch, so no image is left out. If the set permits
    it, each image is mirrored with probability one half.

    Batches are global: with several ranks each rank gets its ``shard`` of the same batch, and all ranks together get
    the batch of one process. ``drawn``, the number of images drawn in the global batches, is the complete state; the
    sequence continues from the number that is set. The images stay on the device if they fit into the share
    ``resident`` of its memory; otherwise the next batch is gathered and copied while the device computes. Raises
    UserError if there are fewer images than a batch holds.
    """

    def __init__(
        self,
        image_set: ImageSet,
        batch_size: int,
        seed: int,
        device: torch.device,
        memory_format: torch.memory_format = torch.contiguous_format,
        resident: float = 0.5,
        shard: Shard = UNSHARDED,
    ) -> None:
        need_a_batch(image_set, batch_size)
        self.image_set = image_set
        self.batch_size, self.seed, self.device, self.memory_format = batch_size, seed, device, memory_format
        self.shard = shard
        images = image_set.images
        stored = {name: one.images if isinstance(one, Drawn) else one for name, one in image_set.aligned.items()}
        size = sum(one.nbytes for one in {id(one): one for one in (images, *stored.values())}.values())
        place = Resident if size <= resident * memory_of(device) else Ahead
        self.pixels: Pixels = place(images, device)
        # Images that are the same array are on the device once.
        shared = {id(images): self.pixels} if self.pixels.resident else {}
        self.aligned: dict[str, Pixels] = {
            name: shared.get(id(one)) or place(one, device) for name, one in stored.items()
        }
        self.choices = {
            name: one.on(lambda numbers: torch.from_numpy(numbers).to(self.pixels.rows_on))
            for name, one in image_set.aligned.items()
            if isinstance(one, Drawn)
        }
        self.labels = torch.from_numpy(image_set.labels).to(device) if image_set.labels is not None else None
        self.label_sets = {name: torch.from_numpy(one.labels).to(device) for name, one in image_set.label_sets.items()}
        self.drawn = 0
        self._orders: dict[int, Tensor] = {}  # of at most two epochs: a batch may span both

    # ---------------------------------------------------------------------------------------------------- the sequence

    def next(self, count: int | None = None) -> Batch:
        """Returns the next ``count`` images (None: a batch), or this rank's part of them."""
        needed = count or self.batch_size
        rows = self._rows(self.drawn, needed)
        mirrored = None
        if self.image_set.flip:
            rng = random_streams.generator(self.seed, "data/flip", self.drawn, device=self.device)
            mirrored = self.shard.of(torch.rand(needed, generator=rng, device=self.device) < 0.5)
        batch = self._batch(rows, self._aligned_rows(rows, self.drawn, needed), mirrored)
        self.drawn += needed
        if not self.pixels.resident:
            following = self._rows(self.drawn, needed)  # the next batch is usually as large
            self.pixels.prepare(following)
            for name, numbers in self._aligned_rows(following, self.drawn, needed).items():
                self.aligned[name].prepare(numbers)
        return batch

    def position(self) -> dict[str, Any]:
        """Returns the position in the data for a checkpoint: the epoch, the offset in it, and the number and the
        fingerprint of the images, which show whether they are still the same."""
        epoch, offset = divmod(self.drawn, len(self.image_set))
        images = {"images": len(self.image_set), "fingerprint": self.image_set.fingerprint}
        return {"epoch": epoch, "offset": offset, **images}

    def _rows(self, drawn: int, needed: int) -> Tensor:
        """Returns this rank's rows of the ``needed`` images after the first ``drawn``."""
        parts = []
        while needed:
            epoch, offset = divmod(drawn, len(self.image_set))
            part = self._order(epoch)[offset : offset + needed]
            parts.append(part)
            drawn += len(part)
            needed -= len(part)
        return self.shard.of(parts[0] if len(parts) == 1 else torch.cat(parts))

    def _order(self, epoch: int) -> Tensor:
        if epoch not in self._orders:
            self._orders = {number: order for number, order in self._orders.items() if number == epoch - 1}
            # On the device at once, so that batches are cut from it there.
            self._orders[epoch] = self._permutation(epoch).to(self.pixels.rows_on)
        return self._orders[epoch]

    def _permutation(self, epoch: int) -> Tensor:
        order = torch.randperm(len(self.image_set), generator=random_streams.generator(self.seed, "data", epoch))
        return torch.from_numpy(self.image_set.rows)[order]

    # ----------------------------------------------------------------------------------------- outside of the sequence

    def first(self, count: int) -> Batch:
        """Returns the first ``count`` images of epoch 0, the same at each call."""
        return self._given(self._permutation(0)[:count])

    def first_of_classes(self, count: int, classes: int) -> Batch:
        """Returns the first ``count`` images of each class in the order of epoch 0, class by class; grey images
        replace missing ones."""
        assert self.labels is not None
        order = self._permutation(0)
        labels_of = self.labels.cpu()[order]
        labels = torch.arange(classes, device=self.device).repeat_interleave(count)
        images = torch.zeros(classes * count, *self.image_set.image_shape, device=self.device)
        for number in range(classes):
            found = order[labels_of == number][:count]
            if len(found):
                images[number * count : number * count + len(found)] = self._given(found).images
        return Batch(images, {"labels": labels})

    def held_out(self, count: int, step: int) -> Batch | None:
        """Returns at most ``count`` held-out images, others at each ``step``; None if there are none."""
        rows = torch.from_numpy(self.image_set.held_out)
        return self._at_random(rows, count, step) if len(rows) else None

    def trained_on(self, count: int, step: int) -> Batch:
        """Returns at most ``count`` training images, others at each ``step``, to compare with held-out ones. The
        sequence does not change."""
        return self._at_random(torch.from_numpy(self.image_set.rows), count, step)

    def _at_random(self, rows: Tensor, count: int, step: int) -> Batch:
        order = torch.randperm(len(rows), generator=random_streams.generator(self.seed, "data/held_out", step))
        return self._given(rows[order[:count]])

    @property
    def parts(self) -> Mapping[str, np.ndarray]:
        """The rows of each part of the set that is shown by itself: its ``parts``, or the held-out images."""
        held_out = self.image_set.held_out
        return self.image_set.parts or ({"held_out": held_out} if len(held_out) else {})

    def part(self, name: str, count: int) -> Batch:
        """Returns the first ``count`` images of a part of the set in a random order, the same at each call."""
        rows = torch.from_numpy(self.parts[name])
        order = torch.randperm(len(rows), generator=random_streams.generator(self.seed, f"data/part/{name}"))
        return self._given(rows[order[:count]])

    def _given(self, rows: Tensor) -> Batch:
        return self._batch(rows.to(self.pixels.rows_on), self._aligned_rows(rows), None)

    def _aligned_rows(self, rows: Tensor, drawn: int | None = None, needed: int = 0) -> dict[str, Tensor]:
        """Returns the numbers of the aligned images of these rows, by name. Where an item has several, one is drawn
        with the random numbers of the batch that begins after ``drawn`` images, or chosen by the row without it."""
        numbers: dict[str, Tensor] = {}
        for name, aligned in self.image_set.aligned.items():
            numbers[name] = rows
            if isinstance(aligned, Drawn):
                by = evenly(rows)
                if drawn is not None:
                    device = self.pixels.rows_on
                    rng = random_streams.generator(self.seed, f"data/aligned/{name}", drawn, device=device)
                    by = self.shard.of(torch.randint(2**32, (needed,), generator=rng, device=device))
                numbers[name] = self.choices[name].choose(rows, by)
        return numbers

    # ----------------------------------------------------------------------------------------------------- of one batch

    def _batch(self, rows: Tensor, aligned: Mapping[str, Tensor], mirrored: Tensor | None) -> Batch:
        """Returns the images of these rows with their labels and their aligned images of the numbers ``aligned``, all
        of them mirrored where ``mirrored`` (n,) is true."""
        condition = {"labels": self.labels[rows.to(self.device)]} if self.labels is not None else {}
        condition |= {name: labels[rows.to(self.device)] for name, labels in self.label_sets.items()}
        for name, numbers in aligned.items():
            condition[name] = self._images(self.aligned[name], numbers, mirrored)
        return Batch(self._images(self.pixels, rows, mirrored), condition)

    def _images(self, stored: Pixels, rows: Tensor, mirrored: Tensor | None) -> Tensor:
        pixels = stored.take(rows)
        if mirrored is not None:
            pixels = mirror(pixels, mirrored)
        images = pixels.permute(0, 3, 1, 2)  # stored channels last, which is how convolutions like them
        if images.dtype == torch.uint8:
            images = images.float().div_(127.5).sub_(1.0)
        return images.contiguous(memory_format=self.memory_format)


def mirror(pixels: Tensor, which: Tensor) -> Tensor:
    """Returns the images (n, H, W, C), with left and right exchanged where ``which`` (n,) is true. No number is read
    back from the device, and no shape depends on one."""
    # PyTorch's own fast path for columns is for this view of the same bytes; it is seven times as fast on a CPU.
    flipped = pixels.permute(0, 3, 1, 2).flip(3).permute(0, 2, 3, 1)
    one, other = (images.reshape(len(images), -1) for images in (pixels, flipped))
    if pixels.dtype == torch.uint8 and one.shape[1] % 8 == 0:  # chosen eight bytes at a time, as fast again
        one, other = one.view(torch.int64), other.view(torch.int64)
    return torch.where(which[:, None], other, one).view(pixels.dtype).reshape(pixels.shape)


class Pixels(Protocol):
    """All images (N, H, W, C), of which batches are taken to the device."""

    resident: bool
    rows_on: torch.device
    """The device on which row numbers must be."""

    def take(self, rows: Tensor) -> Tensor:
        """Returns the images (n, H, W, C) of these rows on the device."""

    def prepare(self, rows: Tensor) -> None:
        """Announces the rows that will be taken next."""


class Resident:
    """All images in the memory of the device; on the CPU, in the mapped file, whose memory simultaneous runs share."""

    resident = True

    def __init__(self, images: np.ndarray, device: torch.device) -> None:
        self.images, self.rows_on = torch.from_numpy(images).to(device), device

    def take(self, rows: Tensor) -> Tensor:
        return self.images.index_select(0, rows)

    def prepare(self, rows: Tensor) -> None:
        """Does nothing, since all images are on the device."""


class Ahead:
    """Images in memory or in a larger file, which a thread gathers and copies while the device computes."""

    resident = False

    def __init__(self, images: np.ndarray, device: torch.device) -> None:
        self.images, self.device, self.rows_on = images, device, torch.device("cpu")
        self.dtype = torch.uint8 if images.dtype == np.uint8 else torch.float32
        self.thread = ThreadPoolExecutor(1, "data")
        self.expected: tuple[Tensor, Future[tuple[Tensor, Any]]] | None = None
        self.stream = torch.cuda.Stream(device) if device.type == "cuda" else None

    def take(self, rows: Tensor) -> Tensor:
        if self.expected is not None and torch.equal(self.expected[0], rows):
            (_, gathering), self.expected = self.expected, None
        else:  # other images, such as those of a grid
            gathering = self.thread.submit(self._gather, rows)
        pixels, copied = gathering.result()
        if copied is not None:
            current = torch.cuda.current_stream(self.device)
            current.wait_event(copied)
            pixels.record_stream(current)  # its memory is not reused while this stream reads it
        return pixels

    def prepare(self, rows: Tensor) -> None:
        self.expected = rows, self.thread.submit(self._gather, rows)

    def _gather(self, rows: Tensor) -> tuple[Tensor, Any]:
        """Returns the images, and the event after which they are on the device."""
        # NumPy's: PyTorch's would start a second team of threads, which then waits busily beside the first.
        if self.stream is None:
            return torch.from_numpy(self.images.take(rows.numpy(), axis=0)).to(self.device), None
        # PyTorch reuses pinned memory only after the copies from it are done.
        pinned = torch.empty(len(rows), *self.images.shape[1:], dtype=self.dtype, pin_memory=True)
        self.images.take(rows.numpy(), axis=0, out=pinned.numpy())
        with torch.cuda.stream(self.stream):
            pixels = pinned.to(self.device, non_blocking=True)
            return pixels, self.stream.record_event()


def memory_of(device: torch.device) -> float:
    """Returns the free bytes of a GPU, or the bytes of the machine's memory for the CPU."""
    if device.type == "cuda":
        return float(torch.cuda.mem_get_info(device)[0])
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):  # not on every system
        return float("inf")
