"""Discriminators on the classification networks of torchvision, which can start from weights published for ImageNet.

Every module with weights is one of the layers of ``ganlab.networks.layers`` under its name in torchvision
(``layer1.0.conv1.weight``), so that initializers, norms and parametrizations work unchanged, and a published file
fits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal, cast

import torch
from torch import Tensor, nn

from ganlab.layer import Role
from ganlab.networks.activations import Activation, ReLU
from ganlab.networks.base import DiscriminatorModule, TrunkDiscriminator
from ganlab.networks.dropout import DropoutRate, dropout
from ganlab.networks.layers import Convolution
from ganlab.networks.minibatch import MINIBATCHES, Minibatch, NoMinibatch
from ganlab.networks.norms import NoNorm, Norm
from ganlab.networks.resampling import NO_PIXELS
from ganlab.table import Moving, PositiveInt
from ganlab.types import Condition, Shapes

Backbone = Literal["resnet18", "resnet34", "resnet50", "vgg11", "vgg13", "vgg16", "vgg19"]

# The normalization of the published weights: (image in [0, 1] - mean) / deviation, per colour.
MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)
HALVINGS_OF_VGG = 5


@dataclass(frozen=True)
class TorchvisionDiscriminator:
    """A torchvision classification network up to its classifier, then a linear output: ResNet (He et al. 2016) with
    its global average pool, VGG (Simonyan & Zisserman 2015) with its last maps unpooled.

    Images are normalized as for the published weights: from [-1, 1] to [0, 1], minus ImageNet's mean, divided by its
    standard deviation, per colour; a grey image has three equal colours. ``norm.discriminator.layer`` replaces
    torchvision's batch norm; a VGG with ``none`` is the variant without norms (``vgg11``, otherwise ``vgg11_bn``).
    """

    # The published weights come with batch norm's statistics.
    preferred_norm: ClassVar[str | None] = "batch"
    backbone: Backbone = "resnet18"
    dropout: Moving[DropoutRate] = 0.0  # before the output
    minibatch: Annotated[Minibatch, MINIBATCHES] = field(default_factory=NoMinibatch)
    pack: PositiveInt = 1

    def build(self, shapes: Shapes, norm: Norm) -> DiscriminatorModule:
        return (_VGG if self.backbone.startswith("vgg") else _ResNet)(self, shapes, norm)


class _Trunk(TrunkDiscriminator):
    """The modules of a torchvision network except its classifier, each under its own name."""

    slope: Tensor
    shift: Tensor
    colours: Tensor

    def __init__(self, settings: TorchvisionDiscriminator, shapes: Shapes, norm: Norm, origin: str) -> None:
        super().__init__(shapes, settings.minibatch)
        channels, height, width = shapes.image
        if (height, width) == (1, 1):
            raise ValueError(NO_PIXELS)
        if channels not in (1, 3):
            raise ValueError(
                f"{settings.backbone} takes grey or colour images, and these have {channels} channels; type "
                "discriminator=dcgan or discriminator=mlp"
            )
        if norm.conditional:
            raise ValueError(
                f"{settings.backbone} cannot pass the label to its norms; type norm.discriminator.layer=batch, or "
                "another norm that is not conditional"
            )
        self.origin = origin
        self.dropout = nn.Sequential(*dropout(settings.dropout))
        planes = self.inputs[0] // shapes.pack - channels
        self._register_normalization(channels, planes, shapes.pack)
        self.size = (height, width)
        for name, module in converted(origin, (3 + planes) * shapes.pack, self.size, norm).named_children():
            self.add_module(name, module)

    def _register_normalization(self, channels: int, planes: int, pack: int) -> None:
        """Sets the map from an image's channels to the first layer's inputs: the selected channels, times ``slope``,
        plus ``shift``. Planes of labels are unchanged."""
        first = [image * (channels + planes) for image in range(pack)]
        colours = [0, 1, 2] if channels == 3 else [0, 0, 0]
        taken = [start + one for start in first for one in (*colours, *range(channels, channels + planes))]
        slope = [*(0.5 / deviation for deviation in DEVIATION), *[1.0] * planes] * pack
        shift = [*((0.5 - mean) / deviation for mean, deviation in zip(MEAN, DEVIATION, strict=True)), *[0.0] * planes]
        # Constants: on the network's device, and in no checkpoint.
        self.register_buffer("colours", torch.tensor(taken), persistent=False)
        self.register_buffer("slope", torch.tensor(slope).view(-1, 1, 1), persistent=False)
        self.register_buffer("shift", torch.tensor(shift * pack).view(-1, 1, 1), persistent=False)

    def normalized(self, x: Tensor) -> Tensor:
        """Returns the first layer's input for images (n, *inputs) in [-1, 1]."""
        if x.shape[1] != len(self.colours):
            x = x[:, self.colours]
        return x * self.slope + self.shift

    def trunk(self, x: Tensor, condition: Condition) -> list[Tensor]:
        *maps, last = self.maps(self.normalized(x))
        return [*maps, self.dropout(last)]

    def maps(self, x: Tensor) -> Iterator[Tensor]:
        """Yields the backbone's feature maps of normalized images, one after each halving."""
        raise TypeError(f"{type(self).__name__} has no maps")


class _ResNet(_Trunk):
    conv1: nn.Module
    bn1: nn.Module
    relu: nn.Module
    maxpool: nn.Module
    layer1: nn.Module
    layer2: nn.Module
    layer3: nn.Module
    layer4: nn.Module
    avgpool: nn.Module

    def __init__(self, settings: TorchvisionDiscriminator, shapes: Shapes, norm: Norm) -> None:
        super().__init__(settings, shapes, norm, settings.backbone)
        branches = [module for module in self.layer4.modules() if getattr(module, "role", None) == "residual"]
        self.finish(cast(Convolution, branches[-1]).out_channels)

    def maps(self, x: Tensor) -> Iterator[Tensor]:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        yield x
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = layer(x)
            yield x
        yield self.avgpool(x).flatten(1)


class _VGG(_Trunk):
    features: nn.Sequential

    def __init__(self, settings: TorchvisionDiscriminator, shapes: Shapes, norm: Norm) -> None:
        smallest = 2**HALVINGS_OF_VGG
        if min(shapes.image[1:]) < smallest:
            height, width = shapes.image[1:]
            raise ValueError(
                f"{settings.backbone} halves an image {HALVINGS_OF_VGG} times and {height}×{width} is too small for "
                f"that; type data.size={smallest} or more, or discriminator.backbone=resnet18"
            )
        super().__init__(settings, shapes, norm, settings.backbone + ("" if isinstance(norm, NoNorm) else "_bn"))
        last = [module for module in self.features if isinstance(module, Convolution)][-1]
        self.finish(last.out_channels, *(side >> HALVINGS_OF_VGG for side in self.size))

    def maps(self, x: Tensor) -> Iterator[Tensor]:
        for module in self.features:
            x = module(x)
            if isinstance(module, nn.MaxPool2d):
                yield x


def converted(name: str, inputs: int, size: tuple[int, int], norm: Norm) -> nn.Module:
    """Returns torchvision's network ``name`` for ``inputs`` channels of ``size`` (H, W), without its classifier, with
    its convolutions and norms replaced by ganlab's under their own names, with PyTorch's own initial weights. Raises
    ValueError if it has layers without a counterpart in ganlab."""
    from torchvision.models import get_model  # takes a second, and only this architecture needs it

    # On the meta device: all weights are replaced, and a VGG's classifier alone would take half a gigabyte.
    with torch.device("meta"):
        model = cast(nn.Module, get_model(name, weights=None)).eval()
    sizes = _sizes(model, size)
    for classifier in ("fc", "classifier"):
        if hasattr(model, classifier):
            delattr(model, classifier)
    if name.startswith("vgg"):
        del model.avgpool  # it would resize maps of other sizes to 7×7
    first = True
    for module in model.modules():
        if hasattr(module, "downsample"):  # a residual block
            module.branch_layers = [name for name, own in module.named_children() if isinstance(own, nn.Conv2d)]  # type: ignore[assignment]
    for place, module in list(model.named_modules()):
        if isinstance(module, nn.Conv2d):
            role, follows = _position(model, place)
            _put(model, place, replacement(place, module, inputs if first else module.in_channels, norm, role, follows))
            first = False
        elif isinstance(module, nn.BatchNorm2d):
            _put(model, place, norm.build(module.num_features, sizes[place]))
    return model


def replacement(
    place: str, theirs: nn.Conv2d, inputs: int, norm: Norm, role: Role, follows: Activation | None
) -> Convolution:
    """Returns the convolution that replaces torchvision's, with ``inputs`` channels; it has a bias if torchvision's
    has one, or if the norm behind it has no shift. Raises ValueError if torchvision's has groups or a dilation, or is
    not square."""
    kernel, stride, padding = theirs.kernel_size, theirs.stride, theirs.padding
    square = all(len(set(pair)) == 1 and not isinstance(pair, str) for pair in (kernel, stride, padding))
    if theirs.groups != 1 or set(theirs.dilation) != {1} or not square:
        raise ValueError(
            f"{place} is a convolution of {theirs.groups} groups, dilation {theirs.dilation} and kernel {kernel}; a "
            "backbone may have square ones without groups and dilation only"
        )
    return Convolution(
        inputs,
        theirs.out_channels,
        kernel[0],
        follows=follows,
        stride=stride[0],
        padding=cast(tuple[int, int], padding)[0],
        bias=theirs.bias is not None or not norm.has_shift,
        role=role,
    )


def _position(model: nn.Module, place: str) -> tuple[Role, Activation | None]:
    """Returns a convolution's role, and the activation that follows it: none at the end of a residual branch and on a
    shortcut."""
    above, _, own = place.rpartition(".")
    if above.endswith("downsample"):
        return "hidden", None
    parent = model.get_submodule(above)
    if hasattr(parent, "downsample"):
        branch = [name for name, module in parent.named_children() if isinstance(module, nn.Conv2d)]
        if own == branch[-1]:
            return "residual", None
    return "hidden", ReLU()


def _put(model: nn.Module, place: str, module: nn.Module) -> None:
    above, _, own = place.rpartition(".")
    model.get_submodule(above)._modules[own] = module


@torch.no_grad()
def _sizes(model: nn.Module, size: tuple[int, int]) -> dict[str, tuple[int, int]]:
    """Returns the size (H, W) of each norm's output."""
    found: dict[str, tuple[int, int]] = {}
    hooks = []
    for place, module in model.named_modules():
        if isinstance(module, nn.BatchNorm2d):

            def record(module: nn.Module, args: object, output: Tensor, place: str = place) -> None:
                found[place] = (output.shape[2], output.shape[3])

            hooks.append(module.register_forward_hook(record))
    model(torch.empty(1, 3, *size, device="meta"))
    for hook in hooks:
        hook.remove()
    return found
