"""All scores of a set of samples from one pass over it, and what each number means."""

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
from ganlab.evaluation.features import Features, Reals, as_images
from ganlab.evaluation.frechet import Moments, frechet_distance
from ganlab.evaluation.inception_score import inception_score
from ganlab.evaluation.kernel import kernel_distance
from ganlab.evaluation.manifold import manifold_scores
from ganlab.evaluation.memorisation import closer_share, memorised_share, nearest_real
from ganlab.evaluation.modes import modes_of_labels, modes_of_points

BATCH = 256
COMPARED = 10_000  # of each set at most, where every pair is looked at
LEAST = 10  # samples
GENERATED = {"batch_norm": "running statistics", "dtype": "float32"}
"""How ganlab has samples made that it scores, while a network trains and afterwards: in evaluation mode, and in full
precision whatever it trains in."""


@dataclass(frozen=True)
class Centres:
    """The modes of points of the plane: ``means`` (m, 2) of Gaussians with one ``std``."""

    means: Tensor
    std: float


@dataclass(frozen=True, eq=False)
class Scored:
    """``values`` by name (``fid``, ``kid``, ``kid_std``, ``precision``, …) and the ``fingerprint``: all that must be
    the same for two of them to be compared. ``histogram`` are the samples that the classifier takes for each class."""

    values: Mapping[str, float]
    fingerprint: Mapping[str, Any]
    histogram: tuple[int, ...] | None = None

    @property
    def id(self) -> str:
        """A short name of the fingerprint: numbers with different ones do not stand in one column."""
        text = json.dumps(dict(self.fingerprint), sort_keys=True)
        return f"{self.fingerprint['features']}-{hashlib.blake2b(text.encode(), digest_size=2).hexdigest()}"

    def row(self) -> dict[str, Any]:
        """As it is kept in a file."""
        histogram = {"histogram": self.histogram} if self.histogram else {}
        return {"scores": dict(self.values), "id": self.id, "fingerprint": dict(self.fingerprint), **histogram}


class Evaluator:
    """Compares samples with one set of reals by one extractor; the reals' features are computed once and kept, float32.

    ``split`` says which part of the data the reals are: only of the training images can a sample be a copy. Raises
    UserError where the extractor cannot be had.
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
        # A classifier learns from all training images, whatever part the samples are compared with.
        self.opened = features.open(learned or real, device, cache)
        self.features = torch.cat([self._extract(batch)[0] for batch in real.batches(BATCH, device)])
        self.moments = Moments.of(self.features)

    def _extract(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        found = self.opened.extract(images)
        return found.features.float().cpu(), None if found.probabilities is None else found.probabilities.float().cpu()

    def features_of(self, fakes: Iterable[Tensor]) -> tuple[Tensor, Tensor | None]:
        """Features (n, d), and probabilities (n, classes) where there are any, of batches of images (n, C, H, W) in
        [-1, 1]; pictures are first rounded to 256 levels, as the reals and every saved picture are."""
        parts = []
        for batch in fakes:
            images = batch.to(self.device).float().clamp(-1, 1)
            if self.real.images.dtype == np.uint8:
                images = images.add(1).mul(127.5).round().div(127.5).sub(1)
            parts.append(self._extract(images))
        classified = [part[1] for part in parts if part[1] is not None]
        return torch.cat([part[0] for part in parts]), torch.cat(classified) if classified else None

    def score(self, fakes: Iterable[Tensor], seed: int = 0, weights: str | None = None) -> Scored:
        """Scores of batches of images (n, C, H, W) in [-1, 1]: of a generator with these ``weights`` (its ``average``
        or its ``network``'s own), or of none."""
        features, probabilities = self.features_of(fakes)
        count = len(features)
        if min(count, len(self.features)) < LEAST:
            raise UserError(f"scores need at least {LEAST} samples and as many real images; type a larger number")
        kernel = kernel_distance(self.features, features, rng=random_streams.generator(seed, "scores/kernel"))
        values = {
            "fid": frechet_distance(self.moments, Moments.of(features)),
            "kid": kernel.mean,
            "kid_std": kernel.std,
        }
        compared = min(COMPARED, count, len(self.features))
        real, fake = (self._some(one, compared, seed) for one in (self.features, features))
        manifold = manifold_scores(real, fake)
        values |= {name: getattr(manifold, name) for name in ("precision", "recall", "density", "coverage")}
        histogram = None
        if probabilities is not None:
            spread = inception_score(probabilities)
            values |= {"inception_score": spread.mean, "inception_score_std": spread.std}
        if self.centres is not None:
            points = modes_of_points(features, self.centres.means, self.centres.std)
            values |= {"modes": points.found, "good_share": points.good_share}
        elif probabilities is not None and self.real.labels is not None:
            classes = probabilities.shape[1]
            if classes == len(self.real.classes):
                reference = torch.from_numpy(np.bincount(self.real.labels[self.real.rows], minlength=classes))
                labels = modes_of_labels(probabilities.argmax(1), classes, reference)
                values |= {"modes": labels.found, "class_entropy": labels.entropy, "reverse_kl": labels.reverse_kl}
                histogram = tuple(labels.counts.tolist())
        if self.split == "train":
            some = self._some(features, COMPARED, seed)
            values["memorised"] = memorised_share(some, self.features)
            # as the closest 5 of 100 reals are
            values["closer"] = closer_share(some, self._some(self.features, COMPARED, seed))
        fingerprint = {
            **self.opened.facts,
            "data": self.real.fingerprint,
            "split": self.split,
            "reals": len(self.features),
            "images": count,
            "compared": compared,
            "kid_subset": kernel.size,
            **({} if weights is None else {"weights": weights, **GENERATED}),
        }
        return Scored(values, fingerprint, histogram)

    @staticmethod
    def _some(features: Tensor, count: int, seed: int) -> Tensor:
        order = torch.randperm(len(features), generator=random_streams.generator(seed, "scores/compared"))
        return features[order[:count]]

    def nearest(self, fakes: Tensor) -> tuple[Tensor, Tensor]:
        """For images (n, C, H, W) in [-1, 1], their nearest reals in feature space, as images (n, C, H, W) on the CPU,
        and the distances (n,)."""
        indices, distances = nearest_real(self.features_of([fakes])[0], self.features)
        pixels = self.real.images[self.real.rows[indices.numpy()]]
        return as_images(pixels, torch.device("cpu")), distances
