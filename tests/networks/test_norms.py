from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from ganlab.networks.norms import Batch, Instance, LayerNorm, NoNorm

IMAGES = torch.randn(5, 4, 3, 6, generator=torch.Generator().manual_seed(0)) * 3 + 2
VECTORS = torch.randn(5, 4, generator=torch.Generator().manual_seed(1)) * 3 + 2


def with_affine(layer: nn.Module) -> nn.Module:
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([1.0, 2.0, 0.5, -1.0]))
        layer.bias.copy_(torch.tensor([0.0, 1.0, -1.0, 3.0]))
    return layer


def standardized(x: Tensor, over: tuple[int, ...]) -> Tensor:
    """By hand, then per-channel scale and shift."""
    y = (x - x.mean(over, keepdim=True)) / (x.var(over, unbiased=False, keepdim=True) + 1e-5).sqrt()
    shape = (1, -1) + (1,) * (x.dim() - 2)
    return y * torch.tensor([1.0, 2.0, 0.5, -1.0]).view(shape) + torch.tensor([0.0, 1.0, -1.0, 3.0]).view(shape)


@pytest.mark.parametrize(
    ("norm", "x", "over"),
    [
        (Batch(), IMAGES, (0, 2, 3)),
        (Batch(), VECTORS, (0,)),
        (LayerNorm(), IMAGES, (1, 2, 3)),
        (LayerNorm(), VECTORS, (1,)),
        (Instance(), IMAGES, (2, 3)),
    ],
    ids=str,
)
def test_against_the_formula(norm: object, x: Tensor, over: tuple[int, ...]) -> None:
    layer = with_affine(norm.build(4, x.dim() == 4))  # type: ignore[attr-defined]
    torch.testing.assert_close(layer(x), standardized(x, over))


def test_batch_norm_is_pytorchs_in_training_and_evaluation() -> None:
    ours, theirs = Batch(momentum=0.3).build(4, True), nn.BatchNorm2d(4, momentum=0.3)
    for _ in range(3):
        x = torch.randn(5, 4, 3, 3)
        torch.testing.assert_close(ours(x), theirs(x))
    torch.testing.assert_close(ours.eval()(IMAGES), theirs.eval()(IMAGES))


def test_frozen_statistics_normalize_by_the_batch_and_stay() -> None:
    layer = Batch().build(4, True)
    layer.frozen = True
    torch.testing.assert_close(layer(IMAGES).mean((0, 2, 3)), torch.zeros(4), atol=1e-5, rtol=0)
    assert torch.equal(layer.running_mean, torch.zeros(4))
    layer.frozen = False
    layer(IMAGES)
    torch.testing.assert_close(layer.running_mean, 0.1 * IMAGES.mean((0, 2, 3)))


def test_none_is_the_identity() -> None:
    assert NoNorm().build(4, True)(IMAGES) is IMAGES


def test_instance_norm_needs_height_and_width() -> None:
    with pytest.raises(ValueError, match="height and width"):
        Instance().build(4, spatial=False)
