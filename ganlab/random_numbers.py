"""Random numbers of a batch, drawn for the global batch, of which each rank keeps its part.

A component requests as many numbers as it has images, and does not depend on the number of ranks: with several ranks
the numbers of the global batch are drawn, and each rank keeps those of its images. So the number of ranks does not
change the result. Numbers that are drawn from the generator in another way belong to this rank alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from ganlab import deprecated, random_streams


@dataclass(frozen=True)
class Shard:
    """The part of every batch that this process takes: part ``rank`` of ``ranks`` equal ones.

    It consists of every ``ranks``-th image, or of every ``ranks``-th pack of ``pack`` images that D takes together as
    one sample. It is not contiguous, so that the microbatches of a rank are its share of the microbatches of the
    global batch.
    """

    rank: int = 0
    ranks: int = 1
    pack: int = 1

    def of(self, global_size: Tensor, along: int = 0) -> Tensor:
        """Returns this rank's part of a tensor of the global batch, whose batch axis is ``along``. Raises ValueError
        if it cannot be divided equally."""
        if self.ranks == 1:
            return global_size
        if global_size.shape[along] % (self.ranks * self.pack):
            raise ValueError(f"a batch of {global_size.shape[along]} cannot be shared equally by {self.ranks} ranks")
        cut = global_size.unflatten(along, (-1, self.ranks, self.pack))
        own: Tensor = cut.select(along + 1, self.rank).flatten(along, along + 1)
        return own


UNSHARDED = Shard()


class SharedGenerator(torch.Generator):
    """The generator of one of several ranks. Its own numbers differ from rank to rank; ``global_size``, in the same
    state on all ranks, is the generator from which the functions below draw the numbers of the global batch."""

    global_size: torch.Generator
    shard: Shard


def generator(seed: int, device: torch.device, shard: Shard = UNSHARDED) -> torch.Generator:
    """Returns the generator with a seed, for the numbers that the ranks share."""
    if shard.ranks == 1:
        return torch.Generator(device).manual_seed(seed)
    own = SharedGenerator(device)
    own.manual_seed(random_streams.derive(seed, "rank", shard.rank))
    own.global_size, own.shard = torch.Generator(device).manual_seed(seed), shard
    return own


@deprecated.keyword("judged", "per_sample")
def uniform(
    shape: Sequence[int],
    rng: torch.Generator,
    *,
    along: int = 0,
    per_sample: bool = False,
    dtype: torch.dtype | None = None,
) -> Tensor:
    """Draws from U(0, 1) in a shape, on the generator's device. ``along`` is the batch axis, with one entry per
    image, or, if ``per_sample``, one per sample of D (a sample is a pack of several images)."""
    return _shared(partial(torch.rand, dtype=dtype), shape, rng, along, per_sample)


@deprecated.keyword("judged", "per_sample")
def normal(
    shape: Sequence[int],
    rng: torch.Generator,
    *,
    along: int = 0,
    per_sample: bool = False,
    dtype: torch.dtype | None = None,
) -> Tensor:
    """Draws from N(0, 1), otherwise as ``uniform``."""
    return _shared(partial(torch.randn, dtype=dtype), shape, rng, along, per_sample)


@deprecated.keyword("judged", "per_sample")
def integers(
    low: int, high: int, shape: Sequence[int], rng: torch.Generator, *, along: int = 0, per_sample: bool = False
) -> Tensor:
    """Draws integers uniformly from ``low`` to below ``high``, otherwise as ``uniform``."""
    return _shared(partial(torch.randint, low, high), shape, rng, along, per_sample)


def _shared(
    function: Callable[..., Tensor], shape: Sequence[int], rng: torch.Generator, along: int, per_sample: bool
) -> Tensor:
    if not isinstance(rng, SharedGenerator):
        return function(size=tuple(shape), generator=rng, device=rng.device)
    shard = replace(rng.shard, pack=1) if per_sample else rng.shard
    global_size = [size * shard.ranks if axis == along else size for axis, size in enumerate(shape)]
    return shard.of(function(size=global_size, generator=rng.global_size, device=rng.device), along)
