"""LPIPS, the learned perceptual distance of two images. Zhang, Isola, Efros, Shechtman & Wang 2018 (CVPR)."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ganlab.errors import UserError
from ganlab.evaluation.feature_maps import open_feature_maps
from ganlab.evaluation.features.base import Reals
from ganlab.types import FeatureNetwork

LAYERS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3")  # of the VGG-16, as in version 0.1 of its authors
LEAST_SIDE = 16  # pixels that the VGG-16 halves four times
EPSILON = 1e-10  # as its authors have it
DOWNLOAD = "download"
# The factors of the channels are a few kilobytes, which two packages contain; neither is imported.
PACKAGES = {"lpips": "weights/v0.1/vgg.pth", "torchmetrics": "functional/image/lpips_models/vgg.pth"}

Distance = Callable[[Tensor, Tensor], Tensor]
"""Takes two batches of images (N, C, H, W) in [-1, 1], grey or in colour, and returns their distances (N,) ≥ 0."""


def open_lpips(weights: str, device: torch.device) -> Distance:
    """Returns the function that computes LPIPS, Σ_l mean over pixels of Σ_c w_lc (x̂_lc - ŷ_lc)² (Eq. 1), with x̂ the
    features of a VGG-16 behind five of its layers, divided at each pixel by their norm over the channels.

    ``weights`` is the file of torchvision's VGG-16 (``.pth`` or ``.safetensors``), or ``download``: from torchvision's
    cache or server. The factors w are those in the package lpips or torchmetrics. Raises UserError.
    """
    factors = _factors()
    setting = FeatureNetwork("vgg16", LAYERS, None if weights == DOWNLOAD else weights)
    try:
        maps = open_feature_maps(setting, Reals(np.zeros((0, 1, 1, 1))), device, Path())
    except UserError as error:
        raise UserError(
            f"lpips={weights}: {str(error).partition(';')[0]}; type lpips=FILE with the file of torchvision's vgg16"
        ) from error

    @torch.no_grad()
    def distance(first: Tensor, second: Tensor) -> Tensor:
        if min(first.shape[2:]) < LEAST_SIDE:
            raise UserError(
                f"lpips={weights}: the images have {first.shape[2]}×{first.shape[3]} pixels, and its network needs "
                f"{LEAST_SIDE} a side; leave lpips out"
            )
        one, other = maps(first.to(device)), maps(second.to(device))
        terms = [
            ((_normalized(one[name]) - _normalized(other[name])).square() * factor.to(device)).sum(1).mean((1, 2))
            for name, factor in zip(LAYERS, factors, strict=True)
        ]
        return torch.stack(terms).sum(0).cpu()

    return distance


def _normalized(features: Tensor) -> Tensor:
    return features / (features.square().sum(1, keepdim=True).sqrt() + EPSILON)


def _factors() -> list[Tensor]:
    """Returns the factors (1, channels, 1, 1) ≥ 0 of each layer. Raises UserError if neither package is there."""
    for package, place in PACKAGES.items():
        spec = find_spec(package)
        for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
            if (file := Path(folder, place)).is_file():
                state = torch.load(file, map_location="cpu", weights_only=True)
                return [state[f"lin{number}.model.1.weight"] for number in range(len(LAYERS))]
    raise UserError("lpips: its factors come with the package lpips, which is not installed; type pip install lpips")
