"""Random streams, derived from (seed, stream, counters) alone.

A stream is seeded afresh wherever it is asked for, so it has no state to save: a resumed run draws what an unbroken one
would have drawn, and adding a logger or an evaluation changes nothing.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def derive(seed: int, stream: str, *counters: int) -> int:
    """A 63-bit seed, a hash of its arguments: neighbouring counters give unrelated streams."""
    text = "/".join([str(seed), stream, *map(str, counters)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def generator(seed: int, stream: str, *counters: int, device: torch.device | str = "cpu") -> torch.Generator:
    """The generator of one stream at one moment, on ``device``."""
    import torch  # here, so that what needs no tensors (the processes that decode images) starts without it

    return torch.Generator(device).manual_seed(derive(seed, stream, *counters))
