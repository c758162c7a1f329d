"""Generators and discriminators, one architecture per file, and their layers."""

from __future__ import annotations

from typing import ClassVar, Protocol

from ganlab import deprecated
from ganlab.networks.backbone import TorchvisionDiscriminator
from ganlab.networks.base import DiscriminatorModule, GeneratorModule, does_mix_samples, ends_in_sigmoid
from ganlab.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from ganlab.networks.mlp import MLPDiscriminator, MLPGenerator
from ganlab.networks.norms import NORMS, Norm
from ganlab.networks.parametrizations import PARAMETRIZATIONS, WeightSetting
from ganlab.networks.patch import PatchDiscriminator
from ganlab.networks.resnet import ResNetDiscriminator, ResNetGenerator
from ganlab.networks.traversal import fold, parametrize, uninitialized, use_fast_kernels, walk
from ganlab.networks.unet import UNetGenerator
from ganlab.networks.wnet import WNetGenerator
from ganlab.networks.wnet_discriminator import WNetDiscriminator
from ganlab.table import Table
from ganlab.types import Shapes


class GeneratorArchitecture(Protocol):
    """A dataclass whose fields are the architecture's settings."""

    def build(self, shapes: Shapes, norm: Norm) -> GeneratorModule:
        """Returns the network with PyTorch's default weights. Raises ValueError if the architecture does not fit the
        shapes, such as an image that is too small."""


class DiscriminatorArchitecture(Protocol):
    """A dataclass whose fields are the architecture's settings."""

    preferred_norm: ClassVar[str | None]
    """The norm that ``auto`` stands for with this architecture; None if it depends on the loss."""

    def build(self, shapes: Shapes, norm: Norm) -> DiscriminatorModule:
        """Returns the network with PyTorch's default weights. Raises ValueError if the architecture does not fit the
        shapes, such as an image that is too small."""


GENERATORS = Table[GeneratorArchitecture](
    "generator",
    {
        "dcgan": DCGANGenerator,
        "mlp": MLPGenerator,
        "resnet": ResNetGenerator,
        "unet": UNetGenerator,
        "wnet": WNetGenerator,
    },
)
DISCRIMINATORS = Table[DiscriminatorArchitecture](
    "discriminator",
    {
        "dcgan": DCGANDiscriminator,
        "mlp": MLPDiscriminator,
        "resnet": ResNetDiscriminator,
        "patch": PatchDiscriminator,
        "wnet": WNetDiscriminator,
        "torchvision": TorchvisionDiscriminator,
    },
)

__all__ = [
    "DISCRIMINATORS",
    "GENERATORS",
    "NORMS",
    "PARAMETRIZATIONS",
    "DiscriminatorArchitecture",
    "DiscriminatorModule",
    "GeneratorArchitecture",
    "GeneratorModule",
    "Norm",
    "WeightSetting",
    "does_mix_samples",
    "ends_in_sigmoid",
    "fold",
    "parametrize",
    "uninitialized",
    "use_fast_kernels",
    "walk",
]

__getattr__ = deprecated.names(__name__)
