"""All scores of a set of samples, and the fingerprint of everything on which they depend."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganlab import random_streams
from ganlab.errors import UserError
from ganlab.evaluation.arithmetic import ignore
from ganlab.evaluation.features import Features, Reals, as_images
from ganlab.evaluation.frechet import Moments, frechet_distance
from ganlab.evaluation.inception_score import inception_score
from ganlab.evaluation.kernel import kernel_distance
from ganlab.evaluation.manifold import manifold_scores
from ganlab.evaluation.memorisation import closer_share, memorised_share, nearest_real
from ganlab.evaluation.modes import LabelModes, modes_of_labels, modes_of_points
from ganlab.progress import Advance, Report, progress, silent

BATCH = 256
COMPARED = 10_000  # rows of each set at most in scores that compare every pair
LEAST = 10  # samples
SUBSETS = 100  # of KID
GENERATED = {"batch_norm": "running statistics", "dtype": "float32"}
"""The samples for scores are generated alike during training and afterwards: in evaluation mode and in full precision,
whatever the precision of training."""


@dataclass(frozen=True)
class Centres:
    """The modes of points in the plane: ``means`` (m, 2) of Gaussians with one ``std``."""

    means: Tensor
    std: float


@dataclass(frozen=True, eq=False)
class Scored:
    """Scores: ``values`` by name (``fid``, ``kid``, ``kid_std``, ``precision``, …), and the ``fingerprint``, everything
    on which they depend. ``histogram`` is the number of samples in each class, according to the classifier."""

    values: Mapping[str, float]
    fingerprint: Mapping[str, Any]
    histogram: tuple[int, ...] | None = None

    @property
    def id(self) -> str:
        """A short name of the fingerprint. Scores with different ids do not compare."""
        text = json.dumps(dict(self.fingerprint), sort_keys=True)
        return f"{self.fingerprint['features']}-{hashlib.blake2b(text.encode(), digest_size=2).hexdigest()}"

    def row(self) -> dict[str, Any]:
        """Returns the scores as plain values for a file."""
        histogram = {"histogram": self.histogram} if self.histogram else {}
        return {"scores": dict(self.values), "id": self.id, "fingerprint": dict(self.fingerprint), **histogram}


class Evaluator:
    """Compares samples with one set of real images by the features of one extractor. The features of the real images
    are computed once, in float32.

    ``split`` is the part of the data that the real images are from: copies are looked for in the training images only.
    Raises UserError where the extractor is not available.
    """

    def __init__(
        self,
        real: Reals,
        features: Features,
        device: torch.device,
        cache: Path,
        split: str = "train",
        centres: Centres | None = None,
        learned: Reals | None = None,
    ) -> None:
        self.real, self.device, self.split, self.centres = real, device, split, centres
        # A classifier is trained on all training images, whatever part the samples are compared with.
        self.opened = features.open(learned or real, device, cache)
        parts = []
        with progress(f"Computing the features of {len(real):,} real images", len(real)) as advance:
            for batch in real.batches(BATCH, device):
                parts.append(self._extract(batch)[0])
                advance(len(batch))
        self.features = torch.cat(parts)
        self.moments = Moments.of(self.features)

    def _extract(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        found = self.opened.extract(images)
        return found.features.float().cpu(), None if found.probabilities is None else found.probabilities.float().cpu()

    def features_of(self, fakes: Iterable[Tensor], advance: Advance = ignore) -> tuple[Tensor, Tensor | None]:
        """Returns features (n, d), and probabilities (n, classes) if the extractor is a classifier, of batches of
        images (n, C, H, W) in [-1, 1]. Images are first rounded to 256 levels, as the real images and all saved ones
        are. ``advance`` receives the numbers of images."""
        parts = []
        for batch in fakes:
            images = batch.to(self.device).float().clamp(-1, 1)
            if self.real.images.dtype == np.uint8:
                images = images.add(1).mul(127.5).round().div(127.5).sub(1)
            parts.append(self._extract(images))
            advance(len(images))
        classified = [part[1] for part in parts if part[1] is not None]
        return torch.cat([part[0] for part in parts]), torch.cat(classified) if classified else None

    def score(
        self,
        fakes: Iterable[Tensor],
        seed: int = 0,
        weights: str | None = None,
        report: Report = silent,
        count: int | None = None,
    ) -> Scored:
        """Scores batches of images (n, C, H, W) in [-1, 1] of a generator with these ``weights`` (``average`` or
        ``network``); None if no generator made them. ``report`` reports the progress of each part, with the time
        that is left where the ``count`` of images is given. Raises UserError for fewer than 10 samples, and for samples
        that are not finite."""
        with report("Generating samples and computing their features", count) as advance:
            features, probabilities = self.features_of(fakes, advance)
        if min(len(features), len(self.features)) < LEAST:
            raise UserError(f"scores need at least {LEAST} samples and as many real images; type a larger number")
        values, subset = self._distances(features, seed, report)
        values |= self._manifold(features, seed, report)
        histogram = None
        if probabilities is not None:
            spread = inception_score(probabilities)
            values |= {"inception_score": spread.mean, "inception_score_std": spread.std}
        if self.centres is not None:
            points = modes_of_points(features, self.centres.means, self.centres.std)
            values |= {"modes": points.found, "good_share": points.good_share}
        elif probabilities is not None and (classes := self._classes(probabilities)) is not None:
            values |= {"modes": classes.found, "class_entropy": classes.entropy, "reverse_kl": classes.reverse_kl}
            histogram = tuple(classes.counts.tolist())
        if self.split == "train":
            values |= self._repetition(features, seed, report)
        fingerprint = {
            **self.opened.facts,
            "data": self.real.fingerprint,
            "split": self.split,
            "reals": len(self.features),
            "images": len(features),
            "compared": self._compared(features),
            "kid_subset": subset,
            **({} if weights is None else {"weights": weights, **GENERATED}),
        }
        return Scored(values, fingerprint, histogram)

    def _distances(self, features: Tensor, seed: int, report: Report) -> tuple[dict[str, float], int]:
        """Returns FID and KID, and the size of KID's subsets."""
        with report("Computing FID", None):
            fid = frechet_distance(self.moments, Moments.of(features))
        with report("Computing KID", SUBSETS) as advance:
            rng = random_streams.generator(seed, "scores/kernel")
            kernel = kernel_distance(self.features, features, SUBSETS, rng=rng, advance=advance)
        spread = {"kid_std": kernel.std} if kernel.count > 1 else {}  # one subset has no spread, which is not 0
        return {"fid": fid, "kid": kernel.mean, **spread}, kernel.size

    def _compared(self, features: Tensor) -> int:
        return min(COMPARED, len(features), len(self.features))

    def _manifold(self, features: Tensor, seed: int, report: Report) -> dict[str, float]:
        count = self._compared(features)
        real, fake = (self._some(one, count, seed) for one in (self.features, features))
        with report(f"Computing precision and recall of {count:,} samples", 3 * count**2) as advance:
            scores = manifold_scores(real, fake, advance=advance)
        return {name: getattr(scores, name) for name in ("precision", "recall", "density", "coverage")}

    def _classes(self, probabilities: Tensor) -> LabelModes | None:
        """Returns the classes of the samples; None where the classifier's classes are not those of the data."""
        classes = probabilities.shape[1]
        if self.real.labels is None or classes != len(self.real.classes):
            return None
        reference = torch.from_numpy(np.bincount(self.real.labels[self.real.rows], minlength=classes))
        return modes_of_labels(probabilities.argmax(1), classes, reference)

    def _repetition(self, features: Tensor, seed: int, report: Report) -> dict[str, float]:
        some, real = self._some(features, COMPARED, seed), self._some(self.features, COMPARED, seed)
        pairs = len(some) * len(self.features) + len(real) ** 2 + len(some) * len(real)
        with report(f"Comparing {len(some):,} samples with the training images", pairs) as advance:
            memorised = memorised_share(some, self.features, advance=advance)
            return {"memorised": memorised, "closer": closer_share(some, real, advance=advance)}

    @staticmethod
    def _some(features: Tensor, count: int, seed: int) -> Tensor:
        order = torch.randperm(len(features), generator=random_streams.generator(seed, "scores/compared"))
        return features[order[:count]]

    def nearest(self, fakes: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the real images (n, C, H, W) in [-1, 1] that are nearest in feature space to ``fakes`` (n, C, H, W)
        in [-1, 1], on the CPU, and the distances (n,)."""
        indices, distances = nearest_real(self.features_of([fakes])[0], self.features)
        pixels = self.real.images[self.real.rows[indices.numpy()]]
        return as_images(pixels, torch.device("cpu")), distances
