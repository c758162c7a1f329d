"""Builds evaluators of samples from settings and images."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Literal

import numpy as np
import torch

from ganlab.config.settings import Settings
from ganlab.data import ImageSet
from ganlab.data.source import some
from ganlab.data.stacked import Stacked
from ganlab.data.toys import Mixture
from ganlab.errors import UserError
from ganlab.evaluation.features import Features, Reals
from ganlab.evaluation.scores import Centres, Evaluator
from ganlab.image_cache import folder_of

Split = Literal["train", "held_out", "test"]


@contextmanager
def naming_train_keys() -> Iterator[None]:
    """Returns a context in which an error on features names the settings of train, ``evaluation.features=…``, rather
    than those of evaluate, ``features=…``. Raises UserError."""
    try:
        yield
    except UserError as error:
        raise UserError(re.sub(r"(?<![\w.])features(?=[.=])", "evaluation.features", str(error))) from error


def reals_of(settings: Settings, image_set: ImageSet, rows: np.ndarray | None = None) -> Reals:
    """Returns ``rows`` of the images, by default the training rows, in the form that an evaluator takes."""
    return Reals(
        image_set.images,
        image_set.labels,
        image_set.classes,
        image_set.rows if rows is None else rows,
        image_set.fingerprint,
        isinstance(settings.data, Stacked),
    )


def rows_of(image_set: ImageSet, count: int, split: Split = "train") -> np.ndarray:
    """Returns at most ``count`` training rows, or held-out rows, chosen at random, and the same in every run."""
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
    """Builds an evaluator that compares samples with ``rows`` of the images, which belong to ``split``. A classifier
    is trained on all training rows, those of ``learned`` if that is given. Raises UserError."""
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
