from __future__ import annotations

import math
from typing import Any, cast
from unittest import mock

import pytest
import torch
from torch import Tensor, nn

from ganlab.losses import LOSSES
from ganlab.networks.norms import BatchNorm, InstanceNorm, LayerNorm, NoNorm
from ganlab.networks.patch import PatchDiscriminator
from ganlab.regularizers import REGULARIZERS
from ganlab.types import Batch, Discriminator, DiscriminatorOutput, Shapes, TargetPair, Update, Wiring
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
    ("size", "layers", "advice"), [(16, 3, "layers=2"), (8, 3, "layers=1"), (5, 1, "discriminator=mlp")]
)
def test_too_many_layers_for_the_image(size: int, layers: int, advice: str) -> None:
    with pytest.raises(
        ValueError,
        match=f"leave no patch .* type discriminator.{advice}" if advice.startswith("layers") else advice,
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


@pytest.mark.parametrize("kind", ["one_hot", "plane"])
def test_labels_are_concatenated_to_the_image(kind: str) -> None:
    shapes = Shapes((3, 16, 18), 5, classes=4, wiring=Wiring(discriminator=kind))  # type: ignore[arg-type]
    network = PatchDiscriminator(width=4, layers=1).build(shapes, NoNorm())
    x = torch.randn(1, 3, 16, 18)
    first, second = (network(Batch(x, {"labels": torch.tensor([label])})).logits for label in (1, 2))
    assert first.shape == (1, 6, 7)
    assert (first != second).all()


PATCH = {"name": "patch", "width": 4, "layers": 1}


class LinearMaps(nn.Module):
    """D(x) = W x with two places per sample, so that every gradient is known: that of the sum is w₁ + w₂."""

    def __init__(self, pixels: int) -> None:
        super().__init__()
        self.weight = torch.randn(2, pixels, generator=torch.Generator().manual_seed(1))

    def forward_all(self, *batches: Batch, features: bool = False) -> list[DiscriminatorOutput]:
        return [DiscriminatorOutput(batch.images.flatten(1) @ self.weight.T) for batch in batches]


def penalty_of(network: LinearMaps, name: str, **settings: Any) -> tuple[float, Tensor]:
    """Returns a regularizer's value for D, and the reals (4, 3, 2, 2)."""
    rng = torch.Generator().manual_seed(2)
    real, fake = (torch.randn(4, 3, 2, 2, generator=rng).requires_grad_() for _ in range(2))
    outputs = network.forward_all(Batch(real), Batch(fake))
    update = Update(
        generator=mock.Mock(), discriminator=cast(Discriminator, network), real=Batch(real), fake=Batch(fake),
        latent=real, augmented_real=Batch(real), augmented_fake=Batch(fake), real_output=outputs[0],
        fake_output=outputs[1], augment=lambda batch, view: batch, targets=TargetPair(),
        rngs=lambda stream: torch.Generator().manual_seed(3), progress=0.0,
    )  # fmt: skip
    penalty = REGULARIZERS[name](**settings).discriminator(update)
    assert penalty is not None
    return penalty.item(), real.detach()


@pytest.mark.parametrize("at", ["interpolates", "real", "fake", "neighbourhood"])
def test_the_gradient_penalty_of_maps_in_closed_form(at: str) -> None:
    network = LinearMaps(12)
    penalty, _ = penalty_of(network, "gradient_penalty", at=at)
    assert penalty == pytest.approx((network.weight.sum(dim=0).norm().item() - 1) ** 2, rel=1e-5)


@pytest.mark.parametrize("name", ["r1", "r2"])
def test_r1_and_r2_of_maps_in_closed_form(name: str) -> None:
    network = LinearMaps(12)
    penalty, _ = penalty_of(network, name)
    assert penalty == pytest.approx(0.5 * network.weight.sum(dim=0).square().sum().item(), rel=1e-5)


def test_drift_of_maps_is_the_mean_square_over_places() -> None:
    network = LinearMaps(12)
    penalty, real = penalty_of(network, "drift")
    values = [(real[i].flatten() @ network.weight[k]).item() for i in range(4) for k in range(2)]
    assert penalty == pytest.approx(sum(value**2 for value in values) / 8, rel=1e-5)


def test_consistency_of_maps_compares_the_samples_logits() -> None:
    """A reflection exchanges the places of this D, so that its mean stays: places are not compared one by one."""
    network = LinearMaps(12)
    assert penalty_of(network, "consistency", shift=0)[0] > 0.1
    network.weight[1] = network.weight[0].view(3, 2, 2).flip(2).flatten()
    penalty, real = penalty_of(network, "consistency", shift=0)
    assert penalty == pytest.approx(0, abs=1e-6)
    output, reflected = network.forward_all(Batch(real), Batch(real.flip(3)))
    assert torch.allclose(output.logits[:, 0], reflected.logits[:, 1])


@pytest.mark.parametrize("pack", [1, 2])
@pytest.mark.parametrize("loss", LOSSES)
def test_it_trains_with_every_loss(loss: str, pack: int, make_trainer: Any) -> None:
    trainer = make_trainer(
        steps=2, loss=loss, discriminator={**PATCH, "pack": pack}, norm={"discriminator": {"layer": "layer"}},
        schedule={"name": "alternating", "top_k": 0.5, "top_k_until": 0.0}, targets={},
    )  # fmt: skip
    trainer.run()
    assert all(torch.isfinite(parameter).all() for parameter in trainer.discriminator.parameters)


PAIRS = [
    # Each loss and each regularizer once in the quick tests, all pairs in the slow ones.
    pytest.param(loss, regularizer, pack, marks=[] if loss == "bce" or regularizer == "r1" else [pytest.mark.slow])
    for loss in LOSSES
    for regularizer, one in REGULARIZERS.items()
    for pack in (1, 2)
    if not (one.needs_sources or one.needs_codes or one.trains_encoder_heads)
]


@pytest.mark.parametrize(("loss", "regularizer", "pack"), PAIRS)
def test_it_trains_with_every_loss_and_regularizer(loss: str, regularizer: str, pack: int, make_trainer: Any) -> None:
    labels = regularizer == "auxiliary_classifier"
    if labels and pack > 1:
        pytest.skip("packed images have no common label")
    trainer = make_trainer(
        loss=loss, regularizer={regularizer: {}}, condition="auxiliary" if labels else "none",
        discriminator={**PATCH, "pack": pack}, norm={"discriminator": {"layer": "none"}},
    )  # fmt: skip
    trainer.train_step()
    values = trainer.meter.read(trainer.ranks)
    assert any(key.endswith(f"/{regularizer}") for key in values)
    assert all(math.isfinite(value) for value in values.values())


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
