"""Distributions of G's latents, one per file."""

from ganlab.latents.normal import NormalLatent
from ganlab.latents.sphere import SphereLatent
from ganlab.latents.uniform import UniformLatent
from ganlab.table import Table
from ganlab.types import Latent

LATENTS = Table[Latent]("latent", {"normal": NormalLatent, "uniform": UniformLatent, "sphere": SphereLatent})

__all__ = ["LATENTS", "NormalLatent"]
