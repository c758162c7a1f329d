"""The interfaces between the trainer and its components: networks, losses, regularizers, augmentations, conditions.

The trainer imports these types and no concrete component; a component imports these types and nothing of the trainer.
Shapes: a batch has N images. The discriminator takes m images together as one sample (packing, Lin et al. 2018;
m = 1 without it), so it returns outputs for n = N / m samples.
"""

from __future__ import annotations

from ganlab import deprecated
from ganlab.types.augmentations import Augmentation
from ganlab.types.inputs import Conditioning, Latent
from ganlab.types.losses import Loss, Recommended
from ganlab.types.networks import Discriminator, Generator, Network, Shapes, Wiring
from ganlab.types.records import (
    Batch,
    Condition,
    DiscriminatorOutput,
    Generated,
    RandomStreams,
    TargetPair,
    Values,
    sample_means,
)
from ganlab.types.regularizers import FeatureMaps, FeatureNetwork, Need, Regularizer, Update
from ganlab.types.state import Observation, State, Stateful

__all__ = [
    "Augmentation",
    "Batch",
    "Condition",
    "Conditioning",
    "Discriminator",
    "DiscriminatorOutput",
    "FeatureMaps",
    "FeatureNetwork",
    "Generated",
    "Generator",
    "Latent",
    "Loss",
    "Need",
    "Network",
    "Observation",
    "RandomStreams",
    "Recommended",
    "Regularizer",
    "Shapes",
    "State",
    "Stateful",
    "TargetPair",
    "Update",
    "Values",
    "Wiring",
    "sample_means",
]

__getattr__ = deprecated.names(__name__)
