"""Networks with constant weights whose feature maps a regularizer compares: ganlab's classifier, or a VGG."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor, nn

from ganlab.errors import UserError, in_one_line
from ganlab.evaluation.features.base import Reals
from ganlab.evaluation.features.classifier import Classifier, SmallNet, shrunk
from ganlab.types import FeatureMaps, FeatureNetwork

# The ReLU in torchvision's sequence ``features`` that gives each layer (Simonyan & Zisserman 2015, table 1, D and E).
VGG_LAYERS = {
    "vgg16": {"relu1_2": 3, "relu2_2": 8, "relu3_3": 15, "relu4_3": 22, "relu5_3": 29},
    "vgg19": {"relu1_2": 3, "relu2_2": 8, "relu3_4": 17, "relu4_4": 26, "relu5_4": 35},
}
# The normalization of torchvision's weights: (image in [0, 1] - mean) / deviation, per colour.
MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)


def open_feature_maps(setting: FeatureNetwork, real: Reals, device: torch.device, cache: Path) -> FeatureMaps:
    """Returns the function that maps images (N, C, H, W) in [-1, 1] to the feature maps of the layers of a setting, by
    name. The classifier is trained on the data set ``real`` unless ``cache`` has it. Raises UserError."""
    network: nn.Module
    if setting.network == "classifier":
        network = _OfClassifier(Classifier().network(real, device, cache)[0], setting.layers)
    else:
        network = _OfVGG(setting)
    # One that was trained just now has another memory format than one from the cache, and so other roundings.
    network.to(device, memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    network.eval().requires_grad_(False)
    return network


class _OfClassifier(nn.Module):
    def __init__(self, network: SmallNet, layers: tuple[str, ...]) -> None:
        super().__init__()
        self.blocks, self.layers = network.body, {name: int(name.removeprefix("block")) - 1 for name in layers}

    def forward(self, images: Tensor) -> Mapping[str, Tensor]:
        x, maps = shrunk(images), []
        for block in self.blocks[: max(self.layers.values()) + 1]:
            x = block(x)
            maps.append(x)
        return {name: maps[place] for name, place in self.layers.items()}


class _OfVGG(nn.Module):
    mean: Tensor
    deviation: Tensor

    def __init__(self, setting: FeatureNetwork) -> None:
        super().__init__()
        places = VGG_LAYERS[setting.network]
        self.layers = {name: places[name] for name in setting.layers}
        last = max(self.layers.values())
        self.features = _vgg(setting)[: last + 1]
        for module in self.features:
            if isinstance(module, nn.ReLU):
                module.inplace = False  # maps are kept
        self.register_buffer("mean", torch.tensor(MEAN).view(-1, 1, 1))
        self.register_buffer("deviation", torch.tensor(DEVIATION).view(-1, 1, 1))

    def forward(self, images: Tensor) -> Mapping[str, Tensor]:
        x = ((images + 1) / 2).expand(-1, 3, -1, -1)  # a grey image has three equal colours
        x = (x - self.mean) / self.deviation
        found: dict[int, Tensor] = {}
        for place, module in enumerate(self.features):
            x = module(x)
            found[place] = x
        return {name: found[place] for name, place in self.layers.items()}


def _vgg(setting: FeatureNetwork) -> nn.Sequential:
    """Returns the convolutional part of a VGG with the weights of the setting. Raises UserError."""
    from torchvision.models import get_model, get_model_weights  # takes a second, and only this network needs it

    where = setting.weights or "torchvision's server"
    try:
        if setting.weights is None:
            state = get_model_weights(setting.network).IMAGENET1K_V1.get_state_dict(progress=False)  # type: ignore[attr-defined]
        elif Path(setting.weights).suffix == ".safetensors":
            state = safetensors.torch.load_file(os.path.expanduser(setting.weights))
        else:
            state = torch.load(os.path.expanduser(setting.weights), map_location="cpu", weights_only=True)
    except Exception as error:  # networks and damaged files raise errors of many types
        raise UserError(
            f"{where}: the weights of torchvision's {setting.network} cannot be had ({in_one_line(error)}); name their "
            "file as weights, or choose the network classifier"
        ) from error
    with torch.device("meta"):
        model = get_model(setting.network, weights=None).features
    own = {name.removeprefix("features."): tensor for name, tensor in state.items() if name.startswith("features.")}
    try:
        model.load_state_dict(own, assign=True)
    except RuntimeError as error:
        raise UserError(f"{where}: it has no weights of {setting.network} ({in_one_line(error)})") from error
    features: nn.Sequential = model
    return features
