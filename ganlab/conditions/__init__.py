"""What G and D are told besides the latent and the images, one condition a class."""

from ganlab.conditions.labels import Auxiliary, Concat, Embedding, Projection
from ganlab.conditions.unconditional import Unconditional
from ganlab.table import Table
from ganlab.types import Conditioning

CONDITIONS = Table[Conditioning](
    "condition",
    {
        "none": Unconditional,
        "concat": Concat,
        "embedding": Embedding,
        "projection": Projection,
        "auxiliary": Auxiliary,
    },
)
