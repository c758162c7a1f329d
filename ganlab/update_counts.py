"""The number of updates of D in the first steps of a training."""

from __future__ import annotations

import math


def discriminator_updates(
    steps: int, n_critic: int, every: int = 1, pretraining: int = 0, burst: tuple[int, int, int] | None = None
) -> int:
    """Returns the number of D updates in the first ``steps`` steps: ``pretraining`` before the first update of G,
    ``n_critic`` in each of the steps 0, ``every``, 2 ``every``, …, and instead of those ``updates`` in the steps of a
    ``burst`` (first, every, updates): the first ``first`` steps, and 0, every, 2 every, ….
    """
    before = pretraining if steps else 0
    regular = _multiples_below(steps, every)
    if burst is None:
        return before + n_critic * regular
    burst_first, burst_every, updates = burst
    first = min(steps, burst_first)
    # The burst's steps, and the regular steps among them, which have no updates of their own.
    bursts = first + _multiples_below(steps, burst_every) - _multiples_below(first, burst_every)
    both = math.lcm(every, burst_every)
    within = _multiples_below(first, every) + _multiples_below(steps, both) - _multiples_below(first, both)
    return before + updates * bursts + n_critic * (regular - within)


def _multiples_below(end: int, factor: int) -> int:
    """Returns how many of 0, 1, …, ``end`` - 1 are multiples of ``factor``."""
    return -(-end // factor)
