"""Augmentations of the real and generated images that D receives. They apply in the order in which they are listed."""

from ganlab import deprecated
from ganlab.augment.ada import ADA
from ganlab.augment.diff_augment import DiffAugment
from ganlab.augment.instance_noise import InstanceNoise
from ganlab.table import Table
from ganlab.types import Augmentation

AUGMENTATIONS = Table[Augmentation](
    "augmentation", {"instance_noise": InstanceNoise, "diff_augment": DiffAugment, "ada": ADA}
)

__getattr__ = deprecated.names(__name__)
