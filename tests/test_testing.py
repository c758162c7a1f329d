"""ganlab's own components pass the checks that plugins are given, and each check finds what it is for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

from ganlab import testing
from ganlab.augment import AUGMENTATIONS
from ganlab.conditions import CONDITIONS
from ganlab.data.digit_pairs import DigitPairs
from ganlab.data.digits import Digits
from ganlab.data.toys import Ring
from ganlab.initializers import INITIALIZERS
from ganlab.initializers.base import WeightInitializer
from ganlab.layer import Layer
from ganlab.losses import LOSSES
from ganlab.networks import DISCRIMINATORS, GENERATORS
from ganlab.networks.base import DiscriminatorModule
from ganlab.networks.dcgan import DCGANDiscriminator
from ganlab.networks.norms import Norm
from ganlab.regularizers import REGULARIZERS
from ganlab.training.schedule import Alternating
from ganlab.types import Augmentation, Batch, DiscriminatorOutput, Loss, Shapes, TargetPair

IMAGES = (3, 16, 16)


@pytest.mark.parametrize("name", [name for name in INITIALIZERS if name != "pretrained"])
def test_initializers(name: str) -> None:
    testing.check_initializer(INITIALIZERS[name]())


@pytest.mark.parametrize("name", LOSSES)
def test_losses(name: str) -> None:
    testing.check_loss(LOSSES[name]())


WITH_MORE = ("auxiliary_classifier", "encoder_classifier", "code_constancy", "perceptual")  # heads, codes, features


@pytest.mark.parametrize("name", [name for name in REGULARIZERS if name not in WITH_MORE])
def test_regularizers(name: str) -> None:
    # Before the first update LeCam has no term.
    state = {"real": torch.tensor(3.0), "fake": torch.tensor(-3.0), "updates": torch.tensor(1)}
    testing.check_regularizer(REGULARIZERS[name](), **({"state": state} if name == "lecam" else {}))


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_augmentations(name: str) -> None:
    testing.check_augmentation(AUGMENTATIONS[name]())


@pytest.mark.parametrize("name", GENERATORS)
def test_generators(name: str) -> None:
    settings = {"mlp": {"hidden": (8,)}}.get(name, {"width": 4})
    sources = dict.fromkeys({"unet": ("source",), "wnet": ("content", "style")}.get(name, ()), (1, 16, 16))
    testing.check_generator(GENERATORS[name](**settings), Shapes(IMAGES, 5, sources=sources))  # type: ignore[call-arg, arg-type]


@pytest.mark.parametrize("pack", [1, 2])
@pytest.mark.parametrize("name", [name for name in DISCRIMINATORS if name != "torchvision"])
def test_discriminators(name: str, pack: int) -> None:
    settings: dict[str, Any] = {"mlp": {"hidden": (8,)}, "patch": {"width": 4, "layers": 1}}.get(name, {"width": 4})
    architecture = DISCRIMINATORS[name](**settings, pack=pack)  # type: ignore[call-arg]
    testing.check_discriminator(architecture, Shapes(IMAGES, 5, pack=pack, sources={"source": (1, 16, 16)}))


def test_conditions() -> None:
    labels = torch.arange(6) % 3
    images = dict.fromkeys(("source", "content", "style"), torch.zeros(6, 1, 4, 4))
    for condition in CONDITIONS.values():
        known = {**images, "font": labels, "character": labels} if condition().sources else {"labels": labels}
        testing.check_condition(condition(), known, classes=0 if condition().sources else 3)


def test_schedule_and_sources() -> None:
    testing.check_schedule(Alternating(n_critic=2))
    for source in (Digits(size=16, limit=20), DigitPairs(size=16, limit=20), Ring(limit=50)):
        testing.check_source(source)


# ------------------------------------------------------------------------------------------ what each check finds


@dataclass(frozen=True)
class Forgetful(WeightInitializer):
    def fill(self, layer: Layer, rng: torch.Generator) -> None:
        if layer.kind != "embedding":
            nn.init.normal_(layer.weight, generator=rng)


@dataclass(frozen=True)
class Global(WeightInitializer):
    def fill(self, layer: Layer, rng: torch.Generator) -> None:
        nn.init.normal_(layer.weight)


@dataclass(frozen=True)
class Silent(WeightInitializer):
    def fill(self, layer: Layer, rng: torch.Generator) -> None:
        nn.init.ones_(layer.weight)


@dataclass(frozen=True)
class Averaged(Loss):
    def discriminator(self, real: Tensor, fake: Tensor, targets: TargetPair) -> Tensor:
        return (fake - real).mean()

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        return -fake


@dataclass(frozen=True)
class Claims(Averaged):
    needs_real: ClassVar[bool] = True

    def discriminator(self, real: Tensor, fake: Tensor, targets: TargetPair) -> Tensor:
        return fake - real


@dataclass(frozen=True)
class Rounds(Augmentation):
    def __call__(self, images: Tensor, rng: torch.Generator, progress: float | Tensor) -> Tensor:
        return images.detach().round()


class Sigmoid(DiscriminatorModule):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3 * 16 * 16, 1)

    def forward(self, batch: Batch, features: bool = False) -> DiscriminatorOutput:
        return DiscriminatorOutput(torch.sigmoid(self.linear(batch.images.flatten(1))).squeeze(1))


@dataclass(frozen=True)
class EndsInSigmoid:
    preferred_norm: ClassVar[str | None] = None

    def build(self, shapes: Shapes, norm: Norm) -> DiscriminatorModule:
        return Sigmoid()


@dataclass(frozen=True)
class Plain(DCGANDiscriminator):
    """A layer of PyTorch's own, which no initializer knows."""

    def build(self, shapes: Shapes, norm: Norm) -> DiscriminatorModule:
        network = super().build(shapes, norm)
        network.extra = nn.Linear(2, 2)
        return network


@pytest.mark.parametrize(
    ("check", "component", "sentence"),
    [
        (testing.check_initializer, Forgetful(), "Forgetful: 4.weight is not filled with finite numbers"),
        (testing.check_initializer, Global(), "differs for the same random numbers"),
        (testing.check_initializer, Silent(), "set is_random"),
        (testing.check_loss, Averaged(), r"discriminator\(\) returned \(\) for logits \(6,\)"),
        (testing.check_loss, Claims(), "does not use the reals"),
        (testing.check_augmentation, Rounds(), "gradient|does not require grad"),
        (testing.check_discriminator, EndsInSigmoid(), "ends in a sigmoid"),
        (testing.check_discriminator, Plain(width=4), "belongs to no layer"),
    ],
)
def test_what_is_found(check: Any, component: Any, sentence: str) -> None:
    with pytest.raises((AssertionError, RuntimeError), match=sentence):
        check(component)
