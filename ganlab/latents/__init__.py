"""What G starts from, one distribution a file."""

from ganlab.latents.normal import Normal
from ganlab.latents.sphere import Sphere
from ganlab.latents.uniform import Uniform
from ganlab.table import Table
from ganlab.types import Latent

LATENTS = Table[Latent]("latent", {"normal": Normal, "uniform": Uniform, "sphere": Sphere})

__all__ = ["LATENTS", "Normal"]
