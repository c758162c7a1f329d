"""Initial weights, one scheme a file. Biases are 0 and norms start at scale 1 unless the scheme says otherwise."""

from ganlab.initializers.he import He
from ganlab.initializers.normal import Normal
from ganlab.initializers.orthogonal import Orthogonal
from ganlab.initializers.pretrained import Pretrained
from ganlab.initializers.xavier import Xavier
from ganlab.table import Table
from ganlab.types import Initializer

INITIALIZERS = Table[Initializer](
    "initializer",
    {"normal": Normal, "xavier": Xavier, "he": He, "orthogonal": Orthogonal, "pretrained": Pretrained},
)
