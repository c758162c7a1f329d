"""Settings and images in, a judge of samples out."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import torch

from ganlab.config.settings import Settings
from ganlab.data import ImageSet
from ganlab.data.cache import folder_of
from ganlab.data.source import some
from ganlab.data.stacked import Stacked
from ganlab.data.toys import Mixture
from ganlab.evaluation.features import Features, Reals
from ganlab.evaluation.scores import Centres, Evaluator

Split = Literal["train", "held_out", "test"]


def reals_of(settings: Settings, image_set: ImageSet, rows: np.ndarray | None = None) -> Reals:
    """Some rows of the images, those that are trained on where not told otherwise, as a judge takes them."""
    return Reals(
        image_set.images,
        image_set.labels,
        image_set.classes,
        image_set.rows if rows is None else rows,
        image_set.fingerprint,
        isinstance(settings.data, Stacked),
    )


def rows_of(image_set: ImageSet, count: int, split: Split = "train") -> np.ndarray:
    """At most ``count`` rows that are trained on, or of those held out: chosen at random, the same in every run."""
    rows = image_set.held_out if split == "held_out" else image_set.rows
    return some(rows, count, "scores") if count < len(rows) else rows


def build_evaluator(
    settings: Settings,
    image_set: ImageSet,
    features: Features,
    rows: np.ndarray,
    device: torch.device,
    split: Split = "train",
    learned: ImageSet | None = None,
) -> Evaluator:
    """A judge that compares with ``rows`` of the images, which are of the ``split``. A classifier learns from all that
    is trained on: of ``learned``, where that is another set. Raises UserError."""
    reals = reals_of(settings, image_set)
    centres = None
    if isinstance(settings.data, Mixture):
        centres = Centres(settings.data.centres, settings.data.std)
    return Evaluator(
        replace(reals, rows=rows),
        features,
        device,
        folder_of(settings.runtime.cache),
        split,
        centres,
        learned=reals_of(settings, learned) if learned else reals,
    )
