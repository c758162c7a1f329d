"""Initial weights, one family of schemes a file. Biases are 0 and norms start at scale 1 unless the scheme says
otherwise."""

from ganlab.initializers.adaptive import Adaptive
from ganlab.initializers.constant import Constant
from ganlab.initializers.default import Default
from ganlab.initializers.equalized import Equalized
from ganlab.initializers.he import He, HeUniform
from ganlab.initializers.hybrid import Hybrid
from ganlab.initializers.lsuv import LSUV
from ganlab.initializers.normal import Normal, TruncatedNormal
from ganlab.initializers.orthogonal import DeltaOrthogonal, Orthogonal
from ganlab.initializers.pretrained import Pretrained
from ganlab.initializers.uniform import Uniform
from ganlab.initializers.xavier import Xavier, XavierNormal
from ganlab.layer import Initializer
from ganlab.table import Table

INITIALIZERS = Table[Initializer](
    "initializer",
    {
        "normal": Normal,
        "truncated_normal": TruncatedNormal,
        "uniform": Uniform,
        "xavier": Xavier,
        "xavier_normal": XavierNormal,
        "he": He,
        "he_uniform": HeUniform,
        "orthogonal": Orthogonal,
        "delta_orthogonal": DeltaOrthogonal,
        "constant": Constant,
        "default": Default,
        "equalized": Equalized,
        "hybrid": Hybrid,
        "adaptive": Adaptive,
        "lsuv": LSUV,
        "pretrained": Pretrained,
    },
)
