from __future__ import annotations

import torch
from torch import Tensor


def arc(start: Tensor, end: Tensor, share: float) -> Tensor:
    """Interpolates on the arcs from ``start`` to ``end``, both (n, dim), at ``share`` of the way, 0 to 1 (spherical
    linear interpolation). Shoemake 1985, section 3.3; White 2016, section 2.1.

    In many dimensions nearly all latents have nearly the same length, and the middle of the straight line between two
    of them is only 1/√2 as long: G was trained on no such latents. Along the arc the length changes from that of
    ``start`` to that of ``end``.
    """
    cosine = torch.cosine_similarity(start, end, dim=1).clamp(-1, 1).unsqueeze(1)
    angle = cosine.acos()
    # If both directions are equal, the line equals the arc; if they are opposite, there is no unique arc.
    whole = angle.sin()
    line = whole < 1e-3  # the precision of an angle in float32 near 0 and π
    whole = torch.where(line, 1.0, whole)
    along = (((1 - share) * angle).sin() * start + (share * angle).sin() * end) / whole
    return torch.where(line, start.lerp(end, share), along)
