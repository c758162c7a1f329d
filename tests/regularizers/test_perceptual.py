"""The perceptual term: which features it compares, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import safetensors.torch
import torch
import torch.nn.functional as F
from torch import Tensor

from ganlab.config import CannotCombine
from ganlab.errors import UserError
from ganlab.evaluation import feature_maps
from ganlab.evaluation.feature_maps import VGG_LAYERS, open_feature_maps
from ganlab.evaluation.features import Reals
from ganlab.evaluation.features.classifier import Classifier, SmallNet
from ganlab.regularizers.perceptual import LAYERS, Perceptual
from ganlab.training.trainer import Trainer
from ganlab.types import Batch, FeatureNetwork
from tests.conftest import tiny

PAIRS: dict[str, Any] = {
    "data": {"name": "digit_pairs", "size": 16, "limit": 64},
    "condition": "image",
    "generator": {"name": "unet", "width": 4},
    "discriminator": {"name": "patch", "width": 4, "layers": 1},
}


def update_of(maps: Callable[[Tensor], dict[str, Tensor]]) -> Any:
    rng = torch.Generator().manual_seed(0)
    fake = (torch.rand(3, 1, 8, 8, generator=rng) * 2 - 1).requires_grad_()
    return SimpleNamespace(real=Batch(torch.rand(3, 1, 8, 8, generator=rng)), fake=Batch(fake), feature_maps=maps)


def test_the_term_by_hand() -> None:
    update = update_of(lambda x: {"block1": 2 * x, "block2": F.avg_pool2d(x, 2)})
    found = Perceptual(layers={"block1": 0.5, "block2": 3.0}).generator(update)
    gap = update.fake.images - update.real.images
    expected = 0.5 * (4 * gap.square()).mean() + 3.0 * F.avg_pool2d(gap, 2).square().mean()
    torch.testing.assert_close(found, expected)
    (gradient,) = torch.autograd.grad(found, update.fake.images)
    assert gradient.abs().sum() > 0


def test_the_layers_that_a_setting_needs() -> None:
    assert Perceptual().feature_network == FeatureNetwork("classifier", ("block1", "block2", "block3", "block4"))
    one = Perceptual(network="vgg16", layers={"relu2_2": 1.0, "relu3_3": 0.0}, weights="vgg.pth").feature_network
    assert one == FeatureNetwork("vgg16", ("relu2_2",), "vgg.pth")
    assert {name: tuple(layers) for name, layers in VGG_LAYERS.items()} == {
        name: LAYERS[name] for name in ("vgg16", "vgg19")
    }


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"layers": {"relu1_2": 1.0}}, "found layer relu1_2; classifier has block1, block2"),
        ({"layers": {"block1": 0.0}}, "weights of 0 alone"),
        ({"weights": "vgg.pth"}, "which is trained on the data"),
    ],
)
def test_what_it_refuses(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Perceptual(**settings)


def test_the_classifier_is_the_one_of_the_scores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    network = SmallNet(1, 10).eval()
    asked = []
    monkeypatch.setattr(Classifier, "network", lambda self, *given: asked.append(given) or (network, 1.0, 1))
    real = Reals(torch.zeros(1, 16, 16, 1).numpy())
    maps = open_feature_maps(FeatureNetwork("classifier", ("block1", "block3")), real, torch.device("cpu"), tmp_path)
    images = torch.rand(2, 1, 16, 16)
    found = maps(images)
    assert list(found) == ["block1", "block3"]
    torch.testing.assert_close(found["block1"], network.body[:1](images))
    torch.testing.assert_close(found["block3"], network.body[:3](images))
    assert not any(parameter.requires_grad for parameter in network.body.parameters())
    assert asked == [(real, torch.device("cpu"), tmp_path)]


def test_a_vgg_from_a_file(tmp_path: Path) -> None:
    """The maps are those of torchvision's network, which adds no pixel to its mean."""
    from torchvision.models import vgg16

    torch.manual_seed(0)
    with torch.device("meta"):
        model = vgg16(weights=None)
    state = {
        name: torch.randn(one.shape) * 0.05 for name, one in model.state_dict().items() if name.startswith("features")
    }
    file = tmp_path / "vgg.safetensors"
    safetensors.torch.save_file(state, file)
    setting = FeatureNetwork("vgg16", ("relu1_2", "relu2_2"), str(file))
    maps = open_feature_maps(setting, Reals(torch.zeros(1, 16, 16, 1).numpy()), torch.device("cpu"), tmp_path)
    images = torch.rand(2, 1, 16, 16) * 2 - 1
    found = maps(images)
    x = (images.expand(-1, 3, -1, -1) + 1) / 2
    x = (x - torch.tensor((0.485, 0.456, 0.406)).view(3, 1, 1)) / torch.tensor((0.229, 0.224, 0.225)).view(3, 1, 1)
    for place in (0, 2):
        x = F.relu(F.conv2d(x, state[f"features.{place}.weight"], state[f"features.{place}.bias"], padding=1))
    torch.testing.assert_close(found["relu1_2"], x)
    assert found["relu2_2"].shape == (2, 128, 8, 8)
    with pytest.raises(UserError, match=r"the weights of torchvision's vgg16 cannot be had.*network classifier"):
        open_feature_maps(FeatureNetwork("vgg16", ("relu1_2",), "/nowhere.pth"), Reals(torch.zeros(1, 8, 8, 1).numpy()), torch.device("cpu"), tmp_path)  # fmt: skip


def test_training_with_it_resumes_exactly(
    make_trainer: Callable[..., Trainer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feature_maps, "Classifier", partial(Classifier, steps=2))
    changes = {**PAIRS, "regularizer": {"perceptual": {}}, "runtime": {"cache": str(tmp_path / "cache")}}
    whole = make_trainer(**changes, steps=4, folder=tmp_path / "a")
    whole.run()
    first = make_trainer(**changes, steps=4, folder=tmp_path / "b")
    for _ in range(2):
        first.train_step()
    second = make_trainer(**changes, steps=4, folder=tmp_path / "c")
    second.restore(first.state())
    for _ in range(2):
        second.train_step()
    assert whole.generator.fingerprint() == second.generator.fingerprint()
    without = make_trainer(**PAIRS, steps=4, folder=tmp_path / "d")
    without.run()
    assert whole.generator.fingerprint() != without.generator.fingerprint()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"regularizer": {"perceptual": {}}}, "regularizer=perceptual with condition=none: it compares"),
        ({**PAIRS, "regularizer": {"code_constancy": {}}}, "it compares codes of G's encoders, and this one has none"),
        ({**PAIRS, "regularizer": {"encoder_classifier": {}}}, "have no heads to train; type generator=wnet"),
        ({**PAIRS, "generator": {"name": "wnet", "width": 4}}, "needs two images as its condition"),
        ({**PAIRS, "condition": "concat", "generator": "wnet"}, "generator=wnet: it needs two images"),
    ],
)
def test_combinations_that_are_refused(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(CannotCombine, match=sentence):
        tiny(**changes)
