from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest
import safetensors.torch
import torch
import torchvision
from torch import Tensor, nn

from ganlab.config import configure
from ganlab.errors import UserError
from ganlab.initializers.pretrained import Pretrained
from ganlab.networks import DiscriminatorModule, does_mix_samples, uninitialized, walk
from ganlab.networks.backbone import Backbone, TorchvisionDiscriminator, converted, replacement
from ganlab.networks.layers import NormLayer, WeightLayer
from ganlab.networks.minibatch import MINIBATCHES
from ganlab.networks.norms import NORMS, BatchNorm, GroupNorm, LayerNorm, NoNorm, Norm, PixelNorm
from ganlab.types import Batch, Shapes, Wiring
from tests.conftest import TINY, merged

# Known sizes, without the classifiers: torchvision's tables less fc (512 × 1000 + 1000, 2048 × 1000 + 1000), and the
# convolutions of VGG (Simonyan & Zisserman 2015).
PARAMETERS = {
    "resnet18": 11_689_512 - 513_000,
    "resnet34": 21_797_672 - 513_000,
    "resnet50": 25_557_032 - 2_049_000,
    "vgg11": 9_220_480,
    "vgg13": 9_404_992,
    "vgg16": 14_714_688,
    "vgg19": 20_024_384,
}


def build(
    norm: Norm | None = None,
    image: tuple[int, int, int] = (3, 32, 32),
    pack: int = 1,
    wiring: Wiring | None = None,
    **settings: Any,
) -> DiscriminatorModule:
    shapes = Shapes(image, 6, 4 if wiring else 0, pack, wiring or Wiring())
    return TorchvisionDiscriminator(**settings).build(shapes, norm or BatchNorm())


def theirs(name: str) -> nn.Module:
    """torchvision's network with weights and statistics that nothing starts from; a VGG without its classifier, which
    takes seconds to fill."""
    with torch.device("meta"):
        model = torchvision.models.get_model(name, weights=None)
    if hasattr(model, "classifier"):
        del model.classifier
    model.to_empty(device="cpu")
    rng = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for key, tensor in model.state_dict().items():
            if tensor.dim() > 1:
                tensor.normal_(0, (2 / tensor[0].numel()) ** 0.5, generator=rng)
            elif tensor.is_floating_point():
                tensor.uniform_(*((0.5, 1.5) if key.endswith(("var", "weight")) else (-0.3, 0.3)), generator=rng)
    return model.eval()


def normalized(images: Tensor) -> Tensor:
    transform = torchvision.transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    return transform((images + 1) / 2)


def images(channels: int = 3, side: int = 32, count: int = 3) -> Tensor:
    return torch.rand(count, channels, side, side, generator=torch.Generator().manual_seed(2)) * 2 - 1


@pytest.mark.parametrize("backbone", get_args(Backbone))
def test_parameters_are_torchvisions_without_the_classifier(backbone: str) -> None:
    network = build(NoNorm() if backbone.startswith("vgg") else BatchNorm(), backbone=backbone)
    own = sum(parameter.numel() for parameter in network.output.parameters())
    assert sum(parameter.numel() for parameter in network.parameters()) - own == PARAMETERS[backbone]
    assert own == (2048 if backbone == "resnet50" else 512) + 1


@pytest.mark.parametrize(
    ("backbone", "norm"),
    [(b, n) for b in get_args(Backbone) for n in (BatchNorm(), NoNorm()) if b.startswith("vgg") or n != NoNorm()],
    ids=str,
)
def test_every_name_and_shape_is_torchvisions(backbone: str, norm: Norm) -> None:
    network = build(norm, backbone=backbone)
    with torch.device("meta"):
        published = torchvision.models.get_model(network.origin, weights=None).state_dict()
    expected = {
        name.replace("running_var", "running_variance"): tensor.shape
        for name, tensor in published.items()
        if not name.startswith(("fc", "classifier")) and "num_batches" not in name
    }
    found = {name: tensor.shape for name, tensor in network.state_dict().items() if not name.startswith("output")}
    assert found == expected
    assert network.origin == backbone + ("_bn" if backbone.startswith("vgg") and norm != NoNorm() else "")


@pytest.mark.parametrize(
    ("backbone", "norm", "suffix"),
    [
        ("resnet18", "batch", "pth"),
        ("resnet18", "batch", "safetensors"),
        ("resnet50", "batch", "safetensors"),
        ("vgg11", "batch", "pth"),
        ("vgg11", "none", "safetensors"),
    ],
)
def test_features_are_torchvisions_with_its_weights(backbone: str, norm: str, suffix: str, tmp_path: Path) -> None:
    network = build(NORMS[norm](), backbone=backbone)
    model = theirs(network.origin)
    file = tmp_path / f"weights.{suffix}"
    (torch.save if suffix == "pth" else safetensors.torch.save_file)(model.state_dict(), file)
    notes = Pretrained(str(file)).initialize(uninitialized(network, "discriminator"), torch.Generator())
    assert "2 tensors that it does not hold, filled by normal: output.weight, output.bias" in notes[1]
    if backbone.startswith("vgg"):
        reference = model.features
    else:
        assert notes[2].startswith("2 of its tensors have no place here: fc.")
        model.fc = nn.Identity()
        reference = model
    with torch.no_grad():
        # In double precision, and against the largest: random weights blow up the constants' own rounding.
        seen = images().double()
        (judgement,) = network.double().eval().forward_all(Batch(seen), features=True)
        expected = reference.double()(normalized(seen))
        torch.testing.assert_close(judgement.features[-1], expected, rtol=0, atol=1e-6 * expected.abs().max().item())


def test_the_features_are_what_stands_behind_each_halving() -> None:
    def sizes(**settings: Any) -> list[tuple[int, ...]]:
        (judgement,) = build(image=(3, 64, 32), **settings).forward_all(Batch(torch.rand(2, 3, 64, 32)), features=True)
        return [tuple(feature.shape[1:]) for feature in judgement.features]

    assert sizes() == [(64, 16, 8), (64, 16, 8), (128, 8, 4), (256, 4, 2), (512, 2, 1), (512,)]
    assert sizes(backbone="vgg11") == [(64, 32, 16), (128, 16, 8), (256, 8, 4), (512, 4, 2), (512, 2, 1)]


def test_a_grey_image_is_seen_as_three_equal_colours() -> None:
    network, grey = build(image=(1, 32, 32)), images(1)
    torch.testing.assert_close(network.normalized(grey), normalized(grey.expand(-1, 3, -1, -1)))


def test_images_are_normalized_and_planes_of_labels_are_not() -> None:
    network = build(image=(1, 32, 32), wiring=Wiring(discriminator="one_hot"))
    assert network.conv1.weight.shape == (64, 3 + 4, 7, 7)
    grey, labels = images(1, count=4), torch.tensor([0, 3, 2, 1])
    seen = network.normalized(network._packed(Batch(grey, {"labels": labels})))
    assert seen.shape == (4, 7, 32, 32)
    torch.testing.assert_close(seen[3, :3], normalized(grey[3].expand(3, -1, -1)))
    assert seen[1, 3:, 0, 0].tolist() == [0, 0, 0, 1]
    assert network(Batch(grey, {"labels": labels})).logits.shape == (4,)


def test_packed_images_stand_side_by_side_in_the_channels() -> None:
    network = build(image=(1, 32, 32), pack=2)
    grey = images(1, count=4)
    seen = network.normalized(network._packed(Batch(grey)))
    assert seen.shape == (2, 6, 32, 32)
    torch.testing.assert_close(seen[1, 3:], normalized(grey[3].expand(3, -1, -1)))
    assert network(Batch(grey)).logits.shape == (2,)


def test_the_constants_are_in_no_checkpoint() -> None:
    assert not {"slope", "shift", "colours"} & set(build().state_dict())


@pytest.mark.parametrize("wired", ["none", "one_hot", "plane", "projection", "class"])
def test_it_takes_conditions_and_minibatch_layers_as_the_others_do(wired: Any) -> None:
    network = build(wiring=Wiring(discriminator=wired), minibatch=MINIBATCHES["stddev"]())
    judgement = network(Batch(images(), {"labels": torch.tensor([0, 1, 2])}))
    assert judgement.logits.shape == (3,)
    assert set(judgement.heads) == ({"class"} if wired == "class" else set())
    judgement.logits.sum().backward()
    assert network.conv1.weight.grad.abs().sum() > 0


def test_roles_and_activations_of_a_residual_network() -> None:
    layers = {layer.name: layer for layer in walk(build(backbone="resnet50"))}
    told = {name: (layers[name].role, layers[name].activation) for name in layers if layers[name].kind != "norm"}
    assert told["conv1"] == ("hidden", "relu")
    assert told["layer2.0.conv1"] == told["layer2.0.conv2"] == ("hidden", "relu")
    assert told["layer2.0.conv3"] == ("residual", "linear")
    assert told["layer2.0.downsample.0"] == ("hidden", "linear")
    assert told["output"] == ("output", "linear")
    assert {one[0] for name, one in told.items() if name.endswith("conv3")} == {"residual"}
    small = {layer.name: layer.role for layer in walk(build())}
    assert small["layer1.0.conv1"] == "hidden"
    assert small["layer1.0.conv2"] == "residual"


@pytest.mark.parametrize("backbone", ["resnet18", "vgg11"])
@pytest.mark.parametrize("norm", [LayerNorm(), GroupNorm(), PixelNorm(), NoNorm()], ids=lambda n: type(n).__name__)
def test_the_chosen_norm_stands_in_batch_norms_place(backbone: str, norm: Norm) -> None:
    network = build(norm, backbone=backbone)
    ordinary = {name for name, module in build(backbone=backbone).named_modules() if isinstance(module, NormLayer)}
    kind = type(norm.build(8, (4, 4)))
    places = {name for name, module in network.named_modules() if isinstance(module, kind)}
    if backbone == "resnet18" or norm != NoNorm():
        assert ordinary <= places
    # Every convolution's output can be shifted: by the norm, or by a bias of its own.
    if not norm.has_shift:
        assert all(module.bias is not None for module in network.modules() if isinstance(module, WeightLayer))
    assert not does_mix_samples(network, network.shapes)
    assert does_mix_samples(build(backbone=backbone), network.shapes)


def test_what_it_cannot_be_is_said() -> None:
    with pytest.raises(ValueError, match=r"16×32 is too small for that; type data\.size=32"):
        build(image=(3, 16, 32), backbone="vgg11")
    with pytest.raises(ValueError, match="these have 2 channels; type discriminator=dcgan"):
        build(image=(2, 32, 32))
    with pytest.raises(ValueError, match="cannot pass the label to its norms"):
        build(NORMS["conditional_batch"]())
    with pytest.raises(ValueError, match="1×1"):
        build(NORMS["instance"]())
    build(NORMS["instance"](), image=(3, 64, 64))
    build(image=(3, 16, 16))


@pytest.mark.parametrize(
    "convolution",
    [
        nn.Conv2d(4, 4, 3, groups=2),
        nn.Conv2d(4, 4, 3, dilation=2),
        nn.Conv2d(4, 4, (3, 1)),
        nn.Conv2d(4, 4, 3, padding="same"),
    ],
    ids=str,
)
def test_convolutions_without_a_counterpart_are_refused(convolution: nn.Conv2d) -> None:
    with pytest.raises(ValueError, match=r"layer1\.0 is a convolution of .*square ones without groups and dilation"):
        replacement("layer1.0", convolution, 4, BatchNorm(), "hidden", None)


def test_networks_with_groups_are_refused() -> None:
    with pytest.raises(ValueError, match="32 groups"):
        converted("resnext50_32x4d", 3, (32, 32), BatchNorm())


def test_auto_is_batch_norm_and_layer_norm_under_a_penalty_on_each_sample() -> None:
    def chosen(**changes: Any) -> Any:
        plain = merged(TINY, {"discriminator": {"name": "torchvision"}, "data": {"size": 32}, **changes})
        return configure(plain).settings.norm.discriminator.layer

    assert chosen() == BatchNorm()
    assert chosen(loss="wasserstein") == BatchNorm()
    assert chosen(regularizer={"gradient_penalty": {}}) == LayerNorm()


def test_published_weights_are_asked_for_by_the_backbones_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing can be downloaded here: the address that is asked for says which."""
    asked: list[str] = []

    def fail(url: str, **settings: Any) -> None:
        asked.append(url.rpartition("/")[2].partition("-")[0])
        raise OSError("no route")

    monkeypatch.setattr(torchvision.models._api, "load_state_dict_from_url", fail)
    for backbone, norm in (("resnet34", BatchNorm()), ("vgg11", BatchNorm()), ("vgg11", NoNorm())):
        with pytest.raises(UserError, match="could not be downloaded"):
            Pretrained("imagenet").initialize(
                uninitialized(build(norm, backbone=backbone), "discriminator"), torch.Generator()
            )
    assert asked == ["resnet34", "vgg11_bn", "vgg11"]
