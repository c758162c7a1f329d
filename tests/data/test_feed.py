from __future__ import annotations

import pytest
import torch

from ganlab.data import ImageSet
from ganlab.data.feed import Feed
from ganlab.errors import UserError


def numbered(count: int, labels: bool = True) -> ImageSet:
    """Image i is of brightness i, so that each can be told again."""
    images = torch.arange(count, dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 1, 2, 2).contiguous()
    return ImageSet(images, torch.arange(count) if labels else None)


def numbers(batch) -> list[int]:  # type: ignore[no-untyped-def]
    return [round(value) for value in ((batch.images[:, 0, 0, 0] + 1) * 127.5).tolist()]


CPU = torch.device("cpu")


def test_an_epoch_has_each_image_once_and_its_remainder_is_carried_on() -> None:
    feed = Feed(numbered(10), batch_size=4, seed=0, device=CPU)
    drawn = [number for _ in range(5) for number in numbers(feed.next())]
    assert feed.drawn == 20
    assert sorted(drawn[:10]) == sorted(drawn[10:]) == list(range(10))
    assert drawn[:10] != drawn[10:]


def test_labels_stay_with_their_images() -> None:
    feed = Feed(numbered(10), batch_size=4, seed=0, device=CPU)
    batch = feed.next()
    assert batch.condition["labels"].tolist() == numbers(batch)
    assert Feed(numbered(10, labels=False), 4, 0, CPU).next().condition == {}


def test_the_count_is_the_whole_state() -> None:
    feed, other = (Feed(numbered(10), batch_size=3, seed=5, device=CPU) for _ in range(2))
    for _ in range(5):
        feed.next()
    other.drawn = feed.drawn
    assert [numbers(feed.next()) for _ in range(4)] == [numbers(other.next()) for _ in range(4)]


def test_the_seed_decides_the_order() -> None:
    orders = [numbers(Feed(numbered(50), 50, seed, CPU).next()) for seed in (0, 0, 1)]
    assert orders[0] == orders[1] != orders[2]


def test_images_are_between_minus_one_and_one() -> None:
    images = Feed(ImageSet(torch.tensor([0, 255, 127], dtype=torch.uint8).view(3, 1, 1, 1)), 3, 0, CPU).next().images
    assert sorted(images.flatten().tolist()) == pytest.approx([-1, 127 / 127.5 - 1, 1])
    assert images.dtype == torch.float32


def test_a_memory_format_is_kept() -> None:
    image_set = ImageSet(torch.zeros(4, 3, 8, 8, dtype=torch.uint8))
    batch = Feed(image_set, 2, 0, CPU, torch.channels_last).next()
    assert batch.images.is_contiguous(memory_format=torch.channels_last)


def test_too_few_images_for_a_batch() -> None:
    with pytest.raises(UserError, match="batch_size=3 or less"):
        Feed(numbered(3), 4, 0, CPU)


def test_first_images_are_always_the_same() -> None:
    feed = Feed(numbered(10), batch_size=4, seed=0, device=CPU)
    before = numbers(feed.first(3))
    feed.next()
    assert numbers(feed.first(3)) == before
    assert feed.drawn == 4
