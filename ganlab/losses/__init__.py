"""Adversarial losses, one a file, and the targets that D is given."""

from ganlab.losses.bce import BCE
from ganlab.losses.targets import Targets
from ganlab.losses.wasserstein import Wasserstein
from ganlab.table import Table
from ganlab.types import Loss

LOSSES = Table[Loss]("loss", {"bce": BCE, "wasserstein": Wasserstein})

__all__ = ["LOSSES", "Targets"]
