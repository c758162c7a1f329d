"""The initializers, one family of schemes per file. Biases start at 0 and norm scales at 1 unless the docstring of
the initializer states otherwise."""

from ganlab.initializers.adaptive import Adaptive
from ganlab.initializers.constant import Constant
from ganlab.initializers.default import Default
from ganlab.initializers.equalized import EqualizedInitializer
from ganlab.initializers.fixup import Fixup
from ganlab.initializers.he import He, HeUniform
from ganlab.initializers.hybrid import Hybrid
from ganlab.initializers.lsuv import LSUV
from ganlab.initializers.normal import NormalInitializer, TruncatedNormal
from ganlab.initializers.orthogonal import DeltaOrthogonal, OrthogonalInitializer
from ganlab.initializers.pretrained import Pretrained
from ganlab.initializers.uniform import UniformInitializer
from ganlab.initializers.xavier import Xavier, XavierNormal
from ganlab.initializers.zero import ZerO
from ganlab.layer import Initializer
from ganlab.table import Table

INITIALIZERS = Table[Initializer](
    "initializer",
    {
        "normal": NormalInitializer,
        "truncated_normal": TruncatedNormal,
        "uniform": UniformInitializer,
        "xavier": Xavier,
        "xavier_normal": XavierNormal,
        "he": He,
        "he_uniform": HeUniform,
        "orthogonal": OrthogonalInitializer,
        "delta_orthogonal": DeltaOrthogonal,
        "constant": Constant,
        "default": Default,
        "equalized": EqualizedInitializer,
        "hybrid": Hybrid,
        "adaptive": Adaptive,
        "lsuv": LSUV,
        "fixup": Fixup,
        "zero": ZerO,
        "pretrained": Pretrained,
    },
)
