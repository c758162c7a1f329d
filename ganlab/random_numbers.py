"""Random numbers of a batch, drawn for all ranks together, of which each keeps its part.

A component asks here for as many numbers as it has images, and need not know whether other processes train beside it:
where there are some, the numbers of the whole batch are drawn, and this rank's images get theirs. So the number of
ranks changes nothing. What draws from its generator in another way gets numbers of this rank alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from ganlab import random_streams


@dataclass(frozen=True)
class Shard:
    """Which part of every batch this process takes: of ``ranks`` equal ones, the one with number ``rank``.

    It takes every ``ranks``-th image, or run of ``pack`` images that are judged together. Not one stretch of the batch:
    so the parts into which gradient accumulation cuts a rank's images are its share of the whole batch's parts.
    """

    rank: int = 0
    ranks: int = 1
    pack: int = 1

    def of(self, global_size: Tensor, along: int = 0) -> Tensor:
        """This rank's part of a tensor of the global batch, which lies ``along`` that axis. Raises ValueError where it
        has no equal parts."""
        if self.ranks == 1:
            return global_size
        if global_size.shape[along] % (self.ranks * self.pack):
            raise ValueError(f"a batch of {global_size.shape[along]} cannot be shared equally by {self.ranks} ranks")
        cut = global_size.unflatten(along, (-1, self.ranks, self.pack))
        own: Tensor = cut.select(along + 1, self.rank).flatten(along, along + 1)
        return own


UNSHARDED = Shard()


class SharedGenerator(torch.Generator):
    """The generator of one of several ranks: its own numbers are no other rank's, and ``whole``, in the same state on
    all of them, is what the functions below draw a whole batch from."""

    global_size: torch.Generator
    shard: Shard


def generator(seed: int, device: torch.device, shard: Shard = UNSHARDED) -> torch.Generator:
    """The generator with that seed, whose numbers the ranks share."""
    if shard.ranks == 1:
        return torch.Generator(device).manual_seed(seed)
    own = SharedGenerator(device)
    own.manual_seed(random_streams.derive(seed, "rank", shard.rank))
    own.global_size, own.shard = torch.Generator(device).manual_seed(seed), shard
    return own


def uniform(
    shape: Sequence[int],
    rng: torch.Generator,
    *,
    along: int = 0,
    judged: bool = False,
    dtype: torch.dtype | None = None,
) -> Tensor:
    """U(0, 1) of that shape on the generator's device. The batch lies ``along`` that axis, one place an image, or one a
    ``judged`` sample, which are several images where D judges them together."""
    return _shared(partial(torch.rand, dtype=dtype), shape, rng, along, judged)


def normal(
    shape: Sequence[int],
    rng: torch.Generator,
    *,
    along: int = 0,
    judged: bool = False,
    dtype: torch.dtype | None = None,
) -> Tensor:
    """N(0, 1), otherwise as ``uniform``."""
    return _shared(partial(torch.randn, dtype=dtype), shape, rng, along, judged)


def integers(
    low: int, high: int, shape: Sequence[int], rng: torch.Generator, *, along: int = 0, judged: bool = False
) -> Tensor:
    """Whole numbers from ``low`` to below ``high``, each as likely, otherwise as ``uniform``."""
    return _shared(partial(torch.randint, low, high), shape, rng, along, judged)


def _shared(
    function: Callable[..., Tensor], shape: Sequence[int], rng: torch.Generator, along: int, judged: bool
) -> Tensor:
    if not isinstance(rng, SharedGenerator):
        return function(size=tuple(shape), generator=rng, device=rng.device)
    shard = replace(rng.shard, pack=1) if judged else rng.shard
    global_size = [size * shard.ranks if axis == along else size for axis, size in enumerate(shape)]
    return shard.of(function(size=global_size, generator=rng.global_size, device=rng.device), along)
