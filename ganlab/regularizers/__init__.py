"""Extra terms of D's or G's loss, one a file."""

from ganlab.regularizers.gradient_penalty import GradientPenalty
from ganlab.table import Table
from ganlab.types import Regularizer

REGULARIZERS = Table[Regularizer]("regularizer", {"gradient_penalty": GradientPenalty})
