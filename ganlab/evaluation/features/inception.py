from __future__ import annotations

import hashlib
import importlib.util
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
from torch import Tensor

from ganlab.errors import UserError, in_one_line
from ganlab.evaluation.features.base import Extracted, Features, Opened, Reals
from ganlab.table import PATH

NEEDED = "features=inception needs torch-fidelity; type pip install 'ganlab-train[inception]', or features=pixels"
PUBLISHED = "6726825d"  # the first digits of the file's SHA-256, which are in its published name


@dataclass(frozen=True)
class Inception(Features):
    """The Inception network of published FID scores (Heusel et al. 2017), from the package torch-fidelity: 2,048
    features and 1,008 probabilities. Images are resized to 299×299 as in TensorFlow 1. torch-fidelity downloads the
    weights (91 MB) once, or they are read from the file ``weights``. A CPU takes about a second for ten images."""

    weights: Annotated[str | None, PATH] = None

    def check(self, labelled: bool) -> None:
        if importlib.util.find_spec("torch_fidelity") is None:
            raise UserError(NEEDED)
        if self.weights is not None and not os.path.isfile(self.weights):
            raise UserError(f"features.weights={self.weights}: there is no such file; null downloads them")

    def open(self, real: Reals, device: torch.device, cache: Path) -> Opened:
        self.check(real.labels is not None)
        if (channels := real.images.shape[3]) not in (1, 3):
            raise UserError(
                f"features=inception: it looks at grey or colour images, and these have {channels} channels; type "
                "features=pixels"
            )
        network = self._network().to(device).eval()
        digest = hashlib.sha256()
        for name, tensor in sorted(network.state_dict().items()):
            digest.update(name.encode() + tensor.cpu().numpy().tobytes())

        def extract(images: Tensor) -> Extracted:
            pixels = images.clamp(-1, 1).add(1).mul(127.5).round().to(torch.uint8)
            with torch.no_grad():
                features, logits = network(pixels.expand(-1, 3, -1, -1))
            return Extracted(features, logits.softmax(1))

        facts = {"features": "inception", "hash": digest.hexdigest()[:12], "resize": "bilinear to 299, as TensorFlow 1"}
        return Opened(extract, facts)

    def _network(self) -> Any:
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

        make: Callable[..., Any] = FeatureExtractorInceptionV3
        try:
            if self.weights:  # torch-fidelity would run code in it
                torch.load(self.weights, map_location="cpu", weights_only=True)
            return make("inception-v3-compat", ["2048", "logits_unbiased"], feature_extractor_weights_path=self.weights)
        except Exception as error:  # any error of the download, or another kind of file
            where = f"read from {self.weights}" if self.weights else "downloaded"
            raise UserError(
                f"features=inception: its weights could not be {where} ({in_one_line(error)[:200]}); type "
                f"features.weights=FILE for pt_inception-2015-12-05-{PUBLISHED}.pth, which torch-fidelity publishes, "
                "or features=pixels"
            ) from error
