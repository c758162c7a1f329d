from __future__ import annotations

import hashlib
import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch
import torch.nn.functional as F
from torch import Tensor

from ganlab.errors import UserError, in_one_line
from ganlab.evaluation.features.base import Extracted, Features, Opened, Reals
from ganlab.table import PATH, PositiveInt


@dataclass(frozen=True)
class File(Features):
    """A network in a file, TorchScript (``torch.jit.save``) or exported (``torch.export.save``, ``.pt2``), that maps
    images (n, C, H, W) in [-1, 1] to features (n, d). If ``size`` is given, images are resized to it with antialiasing,
    in pixels a side. Such a file is a program, which is run: use only files that you trust."""

    path: Annotated[str, PATH] = "features.pt"
    size: PositiveInt | None = None

    def check(self, labelled: bool) -> None:
        if not os.path.isfile(self.path):
            raise UserError(f"features.path={self.path}: there is no such file; need TorchScript or a .pt2 file")

    def open(self, real: Reals, device: torch.device, cache: Path) -> Opened:
        self.check(real.labels is not None)
        try:
            if self.path.endswith(".pt2"):
                network = torch.export.load(self.path).module()
            else:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", FutureWarning)  # PyTorch recommends torch.export
                    network = torch.jit.load(self.path, map_location=device).eval()
            network.to(device)
        except Exception as error:  # any other file
            raise UserError(
                f"features.path={self.path}: neither TorchScript nor an exported program ({in_one_line(error)[:200]})"
            ) from error

        def extract(images: Tensor) -> Extracted:
            if self.size is not None and tuple(images.shape[2:]) != (self.size, self.size):
                images = F.interpolate(images, (self.size, self.size), mode="bilinear", antialias=True)
            with torch.no_grad():
                features = network(images)
            if not isinstance(features, Tensor) or features.dim() != 2 or len(features) != len(images):
                found = tuple(features.shape) if isinstance(features, Tensor) else type(features).__name__
                raise UserError(f"features.path={self.path}: it gives {found} for {len(images)} images, need (n, d)")
            return Extracted(features.float())

        try:
            extract(next(real.batches(2, device)))
        except RuntimeError as error:
            reason = in_one_line(error)[-200:]
            raise UserError(f"features.path={self.path}: it cannot take images of this shape ({reason})") from error
        digest = hashlib.blake2b(Path(self.path).read_bytes(), digest_size=6).hexdigest()
        resize = f"antialiased to {self.size}" if self.size else "none"
        return Opened(extract, {"features": Path(self.path).name, "hash": digest, "resize": resize})
