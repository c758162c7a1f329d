from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal

import torch
from torch import Tensor

from ganlab.table import PATH, Moving, NonNegative, Positive, PositiveInt
from ganlab.types import FeatureNetwork, Need, Regularizer, Update

LAYERS = {
    "classifier": ("block1", "block2", "block3", "block4", "block5"),
    "vgg16": ("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3"),
    "vgg19": ("relu1_2", "relu2_2", "relu3_4", "relu4_4", "relu5_4"),
}
"""The layers of each network that can be compared, from the first to the last."""


@dataclass(frozen=True)
class Perceptual(Regularizer):
    """The distance of features in G's update, Σ_j w_j E (φ_j(x) - φ_j(G(s, z)))², between the real image of a source
    and the generated one, with the mean over the values of layer j. Johnson et al. 2016, Eq. 2 (feature
    reconstruction); Jiang et al. 2018: weight 75 (the authors' script of July 2018 has 80).

    φ is ``classifier``, ganlab's own network, trained once to tell the classes of the same data (it is the one of
    ``evaluation.features=classifier``), or torchvision's ``vgg16`` or ``vgg19`` with its weights for ImageNet, from the
    file ``weights`` (``.pth`` or ``.safetensors``) or, without one, from torchvision's cache or its server. ``layers``
    gives the weight w_j of each layer that is compared; {} stands for 1 for each but the last.
    """

    needs_sources: ClassVar[bool] = True
    # D's output on reals is not used, but the batch of reals must be as large as that of the fakes.
    generator_needs: ClassVar[frozenset[Need]] = frozenset({"real"})
    weight: Moving[Positive] = 75.0
    interval: PositiveInt = 1  # G updates
    network: Literal["classifier", "vgg16", "vgg19"] = "classifier"
    weights: Annotated[str | None, PATH] = None
    layers: Mapping[str, NonNegative] = field(default_factory=dict)

    def __post_init__(self) -> None:
        known = LAYERS[self.network]
        if wrong := [name for name in self.layers if name not in known]:
            raise ValueError(f"found layer {wrong[0]}; {self.network} has {', '.join(known)}")
        if self.layers and not any(self.layers.values()):
            raise ValueError(f"found layers with weights of 0 alone; type layers={{{known[1]}: 1}}")
        if self.weights is not None and self.network == "classifier":
            raise ValueError(
                f"found weights={self.weights} with network=classifier, which is trained on the data; type "
                "network=vgg16, or leave weights out"
            )

    @property
    def feature_network(self) -> FeatureNetwork:
        return FeatureNetwork(self.network, tuple(self._compared), self.weights)

    @property
    def _compared(self) -> Mapping[str, float]:
        chosen = self.layers or dict.fromkeys(LAYERS[self.network][:-1], 1.0)
        return {name: float(weight) for name, weight in chosen.items() if weight}

    def generator(self, update: Update) -> Tensor:
        assert update.feature_maps is not None
        with torch.no_grad():
            real = update.feature_maps(update.real.images.float())
        fake = update.feature_maps(update.fake.images.float())
        terms = [
            weight * (fake[name].float() - real[name].float()).square().mean()
            for name, weight in self._compared.items()
        ]
        return torch.stack(terms).sum()
