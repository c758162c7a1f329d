"""Inspects the networks of a run before its first step."""

from __future__ import annotations

from dataclasses import dataclass

from ganlab.diagnosis.inspection.figure import Combination
from ganlab.diagnosis.inspection.inspect import SAMPLES, inspect
from ganlab.diagnosis.inspection.report import Inspections
from ganlab.diagnosis.inspection.results import Inspection
from ganlab.training.feed import Feed
from ganlab.training.gan import GAN


@dataclass(frozen=True)
class Inspector:
    """Inspects the networks of one run, with random numbers that follow from its ``seed``."""

    seed: int

    def inspection(self, gan: GAN, feed: Feed) -> Inspection:
        """Returns what is found in the networks, with the first images of the data. Nothing of the training changes."""
        count = min(SAMPLES, feed.batch_size)
        count = max(count - count % gan.pack, gan.pack)
        return inspect(gan, feed.first(count), self.seed)

    def __call__(self, gan: GAN, feed: Feed) -> Inspections:
        """Returns the same for the observers of the run."""
        return Inspections([Combination("", {}, self.inspection(gan, feed))], {})
