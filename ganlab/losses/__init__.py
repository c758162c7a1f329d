"""Adversarial losses, one per file, and the target probabilities of D."""

from ganlab.losses.bce import BCE
from ganlab.losses.hinge import Hinge
from ganlab.losses.lsgan import LSGAN
from ganlab.losses.minimax import Minimax
from ganlab.losses.relativistic import Relativistic
from ganlab.losses.targets import Targets
from ganlab.losses.wasserstein import Wasserstein
from ganlab.table import Table
from ganlab.types import Loss

LOSSES = Table[Loss](
    "loss",
    {
        "bce": BCE,
        "minimax": Minimax,
        "lsgan": LSGAN,
        "hinge": Hinge,
        "wasserstein": Wasserstein,
        "relativistic": Relativistic,
    },
)

__all__ = ["LOSSES", "Targets"]
