from __future__ import annotations

import torch
from torch import Tensor


def arc(start: Tensor, end: Tensor, share: float) -> Tensor:
    """What lies ``share`` of the way, 0 to 1, on the arcs from ``start`` to ``end``, both (n, dim). Shoemake 1985,
    section 3.3; White 2016, section 2.1.

    Nearly all latents of many dimensions have nearly one length, and the middle of the straight line between two of
    them is only 1/√2 as long: G has seen none such. Along the arc the length goes from the one to the other.
    """
    cosine = torch.cosine_similarity(start, end, dim=1).clamp(-1, 1).unsqueeze(1)
    angle = cosine.acos()
    # Where both point the same way, or opposite ways, there is no one arc; the line is the same then, or all there is.
    whole = angle.sin()
    line = whole < 1e-3  # an angle in float32 is not known better near 0 and π
    whole = torch.where(line, 1.0, whole)
    along = (((1 - share) * angle).sin() * start + (share * angle).sin() * end) / whole
    return torch.where(line, start.lerp(end, share), along)
