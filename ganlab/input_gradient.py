"""The gradient of D's logits by its input images, in an arithmetic that can be differentiated again."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

# Read by the backward functions of convolutions. It is a global of the module, and not of a thread, because PyTorch
# runs the backward pass of a GPU in a thread of its own.
_only_inputs = False


def only_inputs() -> bool:
    """Whether the gradient that is being computed is by D's images alone, so that layers can skip their weights."""
    return _only_inputs


def input_gradient(logits: Tensor, images: Tensor) -> Tensor:
    """Returns the gradient of D at ``images`` (N, C, H, W) as one row (n, m * C * H * W) per sample, in float32 and
    differentiable.

    If the logits are a map (n, …), it is the gradient of the sum over each sample's places, as in the published code of
    PatchGAN with a penalty (``cal_gradient_penalty`` of CycleGAN and pix2pix in PyTorch, Zhu et al. 2017). The
    gradient at a pixel is then the sum over the patches that contain it, and it does not depend on the size of the
    image. The gradient of the mean is smaller by the number of places.
    """
    global _only_inputs
    before, _only_inputs = _only_inputs, True
    try:
        (gradient,) = torch.autograd.grad(logits.float().sum(), images, create_graph=True)
    finally:
        _only_inputs = before
    return gradient.float().reshape(len(logits), -1)


def without_float16(device_type: str) -> AbstractContextManager[None]:
    """Returns a context without float16 autocast: squares of gradients that are differentiated again exceed its range
    (65,504). bfloat16, which has the range of float32, stays on."""
    half = torch.is_autocast_enabled(device_type) and torch.get_autocast_dtype(device_type) == torch.half
    return torch.autocast(device_type, enabled=False) if half else nullcontext()
