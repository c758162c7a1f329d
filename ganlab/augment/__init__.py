"""What D sees of real and fake images, one augmentation a file. They apply in the order in which they are listed."""

from ganlab import deprecated
from ganlab.augment.diff_augment import DiffAugment
from ganlab.augment.instance_noise import InstanceNoise
from ganlab.table import Table
from ganlab.types import Augmentation

AUGMENTATIONS = Table[Augmentation]("augmentation", {"instance_noise": InstanceNoise, "diff_augment": DiffAugment})

__getattr__ = deprecated.names(__name__)
