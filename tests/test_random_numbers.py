from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor

from ganlab.augment.diff_augment import DiffAugment
from ganlab.augment.instance_noise import InstanceNoise
from ganlab.conditions.labels import ConcatCondition
from ganlab.latents import LATENTS
from ganlab.losses import Targets
from ganlab.random_numbers import Shard, generator, integers, normal, uniform

CPU = torch.device("cpu")
IMAGES = torch.randn(12, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def together(parts: list[Tensor], along: int = 0, pack: int = 1) -> Tensor:
    """What the ranks have, in the order of the whole batch."""
    cut = [part.unflatten(along, (-1, pack)) for part in parts]
    return torch.stack(cut, along + 1).flatten(along, along + 2)


def of_ranks(ranks: int, rng: Callable[[torch.Generator, Shard], Tensor], pack: int = 1) -> list[Tensor]:
    shards = [Shard(rank, ranks, pack) for rank in range(ranks)]
    return [rng(generator(7, CPU, shard), shard) for shard in shards]


@pytest.mark.parametrize("ranks", [1, 2, 3])
@pytest.mark.parametrize("pack", [1, 2])
@pytest.mark.parametrize("along", [0, 1])
def test_ranks_draw_the_numbers_of_one(ranks: int, pack: int, along: int) -> None:
    for function in (uniform, normal, partial(integers, -3, 9)):
        shape = [2, 12] if along else [12, 2]
        own = [size // ranks if axis == along else size for axis, size in enumerate(shape)]
        alone = function(shape, torch.Generator().manual_seed(7), along=along)
        parts = of_ranks(ranks, lambda draw, _, function=function, own=own: function(own, draw, along=along), pack)
        assert torch.equal(together(parts, along, pack), alone)


def test_a_sample_has_one_number_however_many_images_it_is() -> None:
    parts = of_ranks(2, lambda draw, _: uniform((3, 1), draw, per_sample=True), pack=2)
    assert torch.equal(together(parts), torch.rand(6, 1, generator=torch.Generator().manual_seed(7)))


def test_the_old_name_of_per_sample_warns_and_works() -> None:
    with pytest.warns(FutureWarning, match=r"uniform\(judged=…\) is now per_sample=…") as caught:
        parts = of_ranks(2, lambda draw, _: uniform((3, 1), draw, judged=True), pack=2)  # type: ignore[call-arg]
    assert caught[0].filename == __file__
    assert torch.equal(together(parts), torch.rand(6, 1, generator=torch.Generator().manual_seed(7)))


@pytest.mark.parametrize("name", LATENTS)
def test_latents(name: str) -> None:
    setting = LATENTS[name](dim=5)
    parts = of_ranks(3, lambda draw, _: setting.draw(4, draw))
    assert torch.equal(together(parts), setting.draw(12, torch.Generator().manual_seed(7)))


@pytest.mark.parametrize("augment", [InstanceNoise(), DiffAugment()], ids=["noise", "diff_augment"])
def test_augmentations(augment: InstanceNoise | DiffAugment) -> None:
    parts = of_ranks(3, lambda draw, shard: augment(shard.of(IMAGES), draw, 0.5))
    torch.testing.assert_close(together(parts), augment(IMAGES, torch.Generator().manual_seed(7), 0.5))


def test_labels_and_targets() -> None:
    concat = ConcatCondition(labels="uniform")
    parts = of_ranks(3, lambda draw, _: concat.fake_condition(4, 10, {}, draw)["labels"])
    assert torch.equal(together(parts), concat.fake_condition(12, 10, {}, torch.Generator().manual_seed(7))["labels"])
    targets = Targets(flip=0.5, noise=0.1)
    alone = targets.draw(12, lambda stream: torch.Generator().manual_seed(7))
    parts = of_ranks(3, lambda draw, shard: targets.draw(4, lambda stream: generator(7, CPU, shard)).real)  # type: ignore[arg-type, return-value]
    assert isinstance(alone.real, Tensor)
    assert torch.equal(together(parts), alone.real)


def test_what_draws_by_itself_gets_numbers_of_its_rank_alone() -> None:
    """A component of somebody's own that calls PyTorch with the generator is not given the same numbers on all ranks."""
    one, other = of_ranks(2, lambda draw, _: torch.rand(5, generator=draw))
    assert not torch.equal(one, other)


@pytest.mark.parametrize("pack", [1, 2])
def test_the_parts_of_ranks_are_shares_of_the_parts(pack: int) -> None:
    """Gradient accumulation cuts what a rank has; together the ranks' first parts are the whole batch's first part."""
    whole = torch.arange(24)
    first = [Shard(rank, 3, pack).of(whole).chunk(2)[0] for rank in range(3)]
    assert torch.equal(together(first, pack=pack), whole.chunk(2)[0])


def test_no_equal_parts() -> None:
    with pytest.raises(ValueError, match="a batch of 8 cannot be shared equally by 2 ranks"):
        Shard(0, 2, pack=3).of(torch.zeros(8))
