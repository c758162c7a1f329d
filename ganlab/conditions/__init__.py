"""Conditions: the inputs of G and D besides the latent and the images, one class for each."""

from ganlab.conditions.image import ContentStyleCondition, ImageCondition
from ganlab.conditions.labels import AuxiliaryCondition, ConcatCondition, EmbeddingCondition, ProjectionCondition
from ganlab.conditions.unconditional import Unconditional
from ganlab.table import Table
from ganlab.types import Conditioning

CONDITIONS = Table[Conditioning](
    "condition",
    {
        "none": Unconditional,
        "concat": ConcatCondition,
        "embedding": EmbeddingCondition,
        "projection": ProjectionCondition,
        "auxiliary": AuxiliaryCondition,
        "image": ImageCondition,
        "content_style": ContentStyleCondition,
    },
)
