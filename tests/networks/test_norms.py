from __future__ import annotations

import pytest
import torch
import torch.multiprocessing
from torch import Tensor, nn

from ganlab.networks.norms import (
    BatchNorm,
    ConditionalBatchNorm,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
    NoNorm,
    PixelNorm,
    SyncBatchNorm,
)

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
        (BatchNorm(), IMAGES, (0, 2, 3)),
        (BatchNorm(), VECTORS, (0,)),
        (LayerNorm(), IMAGES, (1, 2, 3)),
        (LayerNorm(), VECTORS, (1,)),
        (InstanceNorm(), IMAGES, (2, 3)),
        (SyncBatchNorm(), IMAGES, (0, 2, 3)),  # one process: batch norm
    ],
    ids=str,
)
def test_against_the_formula(norm: object, x: Tensor, over: tuple[int, ...]) -> None:
    layer = with_affine(norm.build(4, tuple(x.shape[2:]) or None))  # type: ignore[attr-defined]
    torch.testing.assert_close(layer(x), standardized(x, over))


def test_batch_norm_is_pytorchs_in_training_and_evaluation() -> None:
    ours, theirs = BatchNorm(momentum=0.3).build(4, (3, 6)), nn.BatchNorm2d(4, momentum=0.3)
    for _ in range(3):
        x = torch.randn(5, 4, 3, 3)
        torch.testing.assert_close(ours(x), theirs(x))
    torch.testing.assert_close(ours.eval()(IMAGES), theirs.eval()(IMAGES))


def test_frozen_statistics_normalize_by_the_batch_and_stay() -> None:
    layer = BatchNorm().build(4, (3, 6))
    layer.frozen = True
    torch.testing.assert_close(layer(IMAGES).mean((0, 2, 3)), torch.zeros(4), atol=1e-5, rtol=0)
    assert torch.equal(layer.running_mean, torch.zeros(4))
    layer.frozen = False
    layer(IMAGES)
    torch.testing.assert_close(layer.running_mean, 0.1 * IMAGES.mean((0, 2, 3)))


def test_none_is_the_identity() -> None:
    assert NoNorm().build(4, (3, 6))(IMAGES) is IMAGES


def test_instance_norm_needs_height_and_width() -> None:
    with pytest.raises(ValueError, match="height and width"):
        InstanceNorm().build(4, None)


def test_instance_norm_needs_more_than_one_pixel() -> None:
    with pytest.raises(ValueError, match="1×1"):
        InstanceNorm().build(4, (1, 1))


@pytest.mark.parametrize("x", [IMAGES, VECTORS], ids=["images", "vectors"])
def test_group_norm_standardizes_each_group_of_channels(x: Tensor) -> None:
    layer = with_affine(GroupNorm(groups=2).build(4, tuple(x.shape[2:]) or None))
    parts = [x[:, :2], x[:, 2:]]
    over = tuple(range(1, x.dim()))
    plain = torch.cat(
        [(p - p.mean(over, keepdim=True)) / (p.var(over, unbiased=False, keepdim=True) + 1e-5).sqrt() for p in parts], 1
    )
    shape = (1, -1) + (1,) * (x.dim() - 2)
    torch.testing.assert_close(layer(x), plain * layer.weight.view(shape) + layer.bias.view(shape))


def test_group_norm_takes_the_largest_number_of_groups_that_divides() -> None:
    assert GroupNorm(groups=8).build(12, (4, 4)).groups == 6
    assert GroupNorm(groups=8).build(7, (4, 4)).groups == 7
    assert GroupNorm(groups=8).build(8, None).groups == 4  # of vectors: no group of one value
    with pytest.raises(ValueError, match="single value"):
        GroupNorm(groups=8).build(1, None)


def test_group_norm_is_neither_layer_nor_instance_norm() -> None:
    group, layer, instance = (norm.build(4, (3, 6))(IMAGES) for norm in (GroupNorm(2), LayerNorm(), InstanceNorm()))
    assert not torch.allclose(group, layer, atol=0.1)
    assert not torch.allclose(group, instance, atol=0.1)


def test_pixel_norm_gives_each_pixel_a_mean_square_of_one() -> None:
    layer = PixelNorm().build(4, (3, 6))
    y = layer(IMAGES)
    torch.testing.assert_close((y**2).mean(1), torch.ones(5, 3, 6))
    torch.testing.assert_close(y * IMAGES.norm(dim=1, keepdim=True) / 2, IMAGES)  # √4 channels; directions stay
    assert not list(layer.parameters())


def test_conditional_batch_norm_scales_by_class() -> None:
    layer = ConditionalBatchNorm().build(4, (3, 6), classes=3)
    with torch.no_grad():
        layer.weight.copy_(torch.arange(12.0).view(3, 4))
        layer.bias.copy_(-torch.arange(12.0).view(3, 4))
    labels = torch.tensor([0, 2, 1, 2, 0])
    plain = (IMAGES - IMAGES.mean((0, 2, 3), keepdim=True)) / (
        IMAGES.var((0, 2, 3), unbiased=False, keepdim=True) + 1e-5
    ).sqrt()
    expected = torch.stack(
        [
            plain[i] * layer.weight[label][:, None, None] + layer.bias[label][:, None, None]
            for i, label in enumerate(labels)
        ]
    )
    torch.testing.assert_close(layer(IMAGES, labels), expected)
    torch.testing.assert_close(layer.running_mean, 0.1 * IMAGES.mean((0, 2, 3)))
    with pytest.raises(ValueError, match="no labels"):
        ConditionalBatchNorm().build(4, (3, 6))


def _one_rank(rank: int, file: str, x: Tensor, results: dict[int, object]) -> None:
    torch.distributed.init_process_group("gloo", f"file://{file}", rank=rank, world_size=2)
    layer = with_affine(SyncBatchNorm().build(4, (3, 6)))
    half = x[rank * 4 : rank * 4 + 4].clone().requires_grad_()
    y = layer(half)
    (first,) = torch.autograd.grad((y**3).sum(), half, create_graph=True)
    (second,) = torch.autograd.grad((first**2).sum(), half)  # as a gradient penalty differentiates
    statistics = [layer.running_mean.clone(), layer.running_variance.clone()]
    layer.frozen = True
    frozen = layer(half + 1)  # another mean, so that statistics that move are seen to
    after = [layer.running_mean, layer.running_variance]
    results[rank] = [y.detach(), first.detach(), second, *statistics, frozen.detach(), *after]
    torch.distributed.destroy_process_group()


BOTH_RANKS = torch.randn(8, 4, 3, 6, generator=torch.Generator().manual_seed(2))


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> list[list[Tensor]]:
    """What each of two processes found with its half of the batch."""
    file = tmp_path_factory.mktemp("ranks") / "store"
    with torch.multiprocessing.Manager() as manager:
        results = manager.dict()
        torch.multiprocessing.spawn(_one_rank, (str(file), BOTH_RANKS, results), nprocs=2)
        return [results[0], results[1]]


def test_two_ranks_with_half_a_batch_are_one_with_all_of_it(ranks: list[list[Tensor]]) -> None:
    layer = with_affine(BatchNorm().build(4, (3, 6)))
    whole = BOTH_RANKS.clone().requires_grad_()
    y = layer(whole)
    (first,) = torch.autograd.grad((y**3).sum(), whole, create_graph=True)
    (second,) = torch.autograd.grad((first**2).sum(), whole)
    for index, expected in enumerate((y, first, second)):
        torch.testing.assert_close(torch.cat([rank[index] for rank in ranks]), expected, rtol=1e-4, atol=1e-4)
    for rank in ranks:
        torch.testing.assert_close(rank[3], layer.running_mean)
        torch.testing.assert_close(rank[4], layer.running_variance)


def test_two_ranks_with_frozen_statistics_normalize_by_all_of_the_batch_and_keep_them(
    ranks: list[list[Tensor]],
) -> None:
    layer = with_affine(BatchNorm().build(4, (3, 6)))
    torch.testing.assert_close(torch.cat([rank[5] for rank in ranks]), layer(BOTH_RANKS + 1), rtol=1e-4, atol=1e-4)
    for *_, mean, variance, _, mean_after, variance_after in ranks:
        assert torch.equal(mean_after, mean)
        assert torch.equal(variance_after, variance)
