"""Where mixed precision must step back."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch


def not_in_half(device_type: str) -> AbstractContextManager[None]:
    """Leaves a float16 autocast: squares of gradients that are differentiated again overflow its range (65,504).
    bfloat16 has float32's range and stays."""
    half = torch.is_autocast_enabled(device_type) and torch.get_autocast_dtype(device_type) == torch.half
    return torch.autocast(device_type, enabled=False) if half else nullcontext()
