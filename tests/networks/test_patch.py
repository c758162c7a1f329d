from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from ganlab.losses import LOSSES
from ganlab.networks.norms import BatchNorm, InstanceNorm, LayerNorm, NoNorm
from ganlab.networks.patch import PatchDiscriminator
from ganlab.regularizers import REGULARIZERS
from ganlab.types import Batch, Shapes, TargetPair, Wiring
from tests.conftest import tiny


def build(size: int = 32, norm: Any = None, **settings: Any) -> nn.Module:
    shapes = Shapes((3, size, size), 5, pack=settings.get("pack", 1))
    return PatchDiscriminator(**{"width": 4, **settings}).build(shapes, norm or NoNorm())


def test_the_layers_are_the_papers() -> None:
    network = PatchDiscriminator().build(Shapes((3, 256, 256), 5), BatchNorm())
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    assert [one.out_channels for one in convolutions] == [64, 128, 256, 512, 1]
    assert [one.stride[0] for one in convolutions] == [2, 2, 2, 1, 1]
    assert sum(isinstance(module, type(BatchNorm().build(1, (2, 2)))) for module in network.modules()) == 3
    assert network(Batch(torch.zeros(1, 3, 256, 256))).logits.shape == (1, 30, 30)


@pytest.mark.parametrize(("layers", "field"), [(1, 16), (2, 34), (3, 70)])
def test_a_pixel_reaches_the_logits_of_its_patches_and_no_others(layers: int, field: int) -> None:
    """The receptive field by hand: logit i covers ``field`` pixels from stride * i - margin on."""
    size, stride = 96, 2**layers
    network = build(size, layers=layers).double()
    margin = 1 + sum(2**level for level in range(layers + 1)) - 1 + stride  # each padding of 1, in pixels of its input
    x = torch.randn(1, 3, size, size, dtype=torch.float64)
    changed = x.clone()
    row, column = 41, 58
    changed[:, :, row, column] += 1
    moved = (network(Batch(changed)).logits - network(Batch(x)).logits)[0].abs() > 1e-12
    starts = [stride * place - margin for place in range(len(moved))]
    for place, start in enumerate(starts):
        assert moved[place].any() == (start <= row < start + field), place
        assert moved[:, place].any() == (start <= column < start + field), place


@pytest.mark.parametrize(
    ("size", "layers", "advice"), [(16, 3, "layers=2"), (8, 3, "layers=1"), (5, 1, "discriminator=dcgan")]
)
def test_too_many_layers_for_the_image(size: int, layers: int, advice: str) -> None:
    with pytest.raises(
        ValueError,
        match=f"leave no patch .* type discriminator.{advice}" if "=" in advice and "dcgan" not in advice else advice,
    ):
        build(size, layers=layers)


@pytest.mark.parametrize("norm", [NoNorm(), BatchNorm(), InstanceNorm(), LayerNorm()])
def test_any_norm_and_a_rectangle(norm: Any) -> None:
    network = PatchDiscriminator(width=4, layers=2).build(Shapes((1, 24, 41), 5), norm)
    assert network(Batch(torch.randn(3, 1, 24, 41))).logits.shape == (3, 4, 8)


def test_packed_images_are_one_sample() -> None:
    assert build(32, pack=2, layers=2)(Batch(torch.randn(6, 3, 32, 32))).logits.shape == (3, 6, 6)


def test_a_projection_adds_one_number_to_all_places_and_a_class_head_is_one_per_sample() -> None:
    labels = {"labels": torch.tensor([0, 2])}
    x = torch.randn(2, 3, 16, 16)
    for kind in ("projection", "class"):
        shapes = Shapes((3, 16, 16), 5, classes=4, wiring=Wiring(discriminator=kind))  # type: ignore[arg-type]
        network = PatchDiscriminator(width=4, layers=1).build(shapes, NoNorm())
        output = network(Batch(x, labels))
        assert output.logits.shape == (2, 6, 6)
        if kind == "class":
            assert output.heads["class"].shape == (2, 4)
            continue
        other = network(Batch(x, {"labels": torch.tensor([1, 2])}))
        difference = other.logits - output.logits
        assert torch.allclose(difference[0], difference[0, 0, 0].expand(6, 6), atol=1e-5)
        assert difference[0, 0, 0].abs() > 0
        assert not difference[1].any()


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_of_maps_is_the_mean_over_places(name: str) -> None:
    """With targets per sample; each place is compared as a sample of its own would be, if samples are independent."""
    loss = LOSSES[name]()
    rng = torch.Generator().manual_seed(0)
    real, fake = torch.randn(3, 2, 2, generator=rng), torch.randn(3, 2, 2, generator=rng)
    targets = TargetPair(torch.tensor([0.9, 0.8, 0.7]), torch.tensor([0.0, 0.1, 0.2]))
    repeated = TargetPair(*(one.repeat_interleave(4) for one in (targets.real, targets.fake)))  # type: ignore[union-attr]
    ours = loss.discriminator(real, fake, targets.over(fake)).mean()
    assert torch.allclose(ours, loss.discriminator(real.flatten(), fake.flatten(), repeated).mean())
    needed = real if loss.needs_real else None
    flat = real.flatten() if loss.needs_real else None
    assert torch.allclose(loss.generator(fake, needed).mean(), loss.generator(fake.flatten(), flat).mean())


PATCH = {"name": "patch", "width": 4, "layers": 1}
TERMS = [name for name in REGULARIZERS if name != "auxiliary_classifier"]


@pytest.mark.parametrize("pack", [1, 2])
@pytest.mark.parametrize("loss", LOSSES)
def test_it_trains_with_every_loss(loss: str, pack: int, make_trainer: Any) -> None:
    trainer = make_trainer(
        steps=2, loss=loss, discriminator={**PATCH, "pack": pack}, norm={"discriminator": {"layer": "layer"}},
        schedule={"name": "alternating", "top_k": 0.5, "top_k_until": 0.0}, targets={},
    )  # fmt: skip
    trainer.run()
    assert all(torch.isfinite(parameter).all() for parameter in trainer.discriminator.parameters)


@pytest.mark.parametrize("pack", [1, 2])
@pytest.mark.parametrize("regularizer", TERMS)
def test_it_trains_with_every_regularizer(regularizer: str, pack: int, make_trainer: Any) -> None:
    trainer = make_trainer(
        steps=2, regularizer={regularizer: {}}, discriminator={**PATCH, "pack": pack},
        norm={"discriminator": {"layer": "none"}},
    )  # fmt: skip
    trainer.run()
    assert all(torch.isfinite(parameter).all() for parameter in trainer.discriminator.parameters)


def test_the_penalty_is_that_of_the_sum_over_places() -> None:
    from ganlab.regularizers.r1_r2 import half_squared_slope

    network = build(16, layers=1).double()
    x = torch.randn(2, 3, 16, 16, dtype=torch.float64, requires_grad=True)
    penalty = half_squared_slope(network(Batch(x)), Batch(x))
    expected = 0.0
    for sample in range(2):
        (gradient,) = torch.autograd.grad(network(Batch(x)).logits[sample].sum(), x)
        expected += 0.5 * gradient[sample].square().sum().item() / 2
    assert penalty.item() == pytest.approx(expected, rel=1e-5)


def test_points_are_refused() -> None:
    from ganlab.config import CannotCombine

    with pytest.raises(CannotCombine, match="generator=mlp discriminator=mlp"):
        tiny(data={"name": "ring"}, generator={"name": "mlp"}, discriminator=PATCH)
