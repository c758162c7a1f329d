"""Random streams, derived from (seed, stream, counters) alone.

A stream is seeded anew at each use, so it has no state to save: a resumed run draws the same numbers as an
uninterrupted one, and adding a logger or an evaluation changes nothing.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def derive(seed: int, stream: str, *counters: int) -> int:
    """Returns a 63-bit seed, a hash of the arguments: neighbouring counters give unrelated streams."""
    text = "/".join([str(seed), stream, *map(str, counters)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def generator(seed: int, stream: str, *counters: int, device: torch.device | str = "cpu") -> torch.Generator:
    """Returns the generator of one stream at these counters, on ``device``."""
    import torch  # here, so that processes without tensors (they decode images) start without it

    return torch.Generator(device).manual_seed(derive(seed, stream, *counters))
