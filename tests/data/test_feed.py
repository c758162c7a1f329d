from __future__ import annotations

import numpy as np
import pytest
import torch

from ganlab.data import ImageSet
from ganlab.data.feed import Ahead, Feed, Resident, mirror
from ganlab.errors import UserError
from ganlab.random_numbers import Shard
from ganlab.types import Batch


def numbered(count: int, labels: bool = True, **more: object) -> ImageSet:
    """Image i is of brightness i, so that each can be told again."""
    images = np.ascontiguousarray(
        np.broadcast_to(np.arange(count, dtype=np.uint8)[:, None, None, None], (count, 2, 2, 1))
    )
    return ImageSet(images, np.arange(count) if labels else None, **more)  # type: ignore[arg-type]


def numbers(batch: Batch) -> list[int]:
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


@pytest.mark.parametrize("resident", [1.0, 0.0])
def test_the_count_is_the_whole_state(resident: float) -> None:
    image_set = numbered(10, flip=True)
    feed, other = (Feed(image_set, batch_size=3, seed=5, device=CPU, resident=resident) for _ in range(2))
    for _ in range(5):
        feed.next()
    other.drawn = feed.drawn
    assert [numbers(feed.next()) for _ in range(4)] == [numbers(other.next()) for _ in range(4)]
    assert feed.position() == {"epoch": 2, "offset": 7, "images": 10, "fingerprint": ""}


def test_the_seed_decides_the_order() -> None:
    orders = [numbers(Feed(numbered(50), 50, seed, CPU).next()) for seed in (0, 0, 1)]
    assert orders[0] == orders[1] != orders[2]


def test_images_are_between_minus_one_and_one() -> None:
    pixels = np.array([0, 255, 127], np.uint8).reshape(3, 1, 1, 1)
    images = Feed(ImageSet(pixels), 3, 0, CPU).next().images
    assert sorted(images.flatten().tolist()) == pytest.approx([-1, 127 / 127.5 - 1, 1])
    assert images.dtype == torch.float32


def test_channels_rows_and_columns_keep_their_places() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 4, 5, 3)).astype(np.uint8)
    feed = Feed(ImageSet(pixels, np.arange(6)), 6, 0, CPU)
    assert feed.image_set.image_shape == (3, 4, 5)
    batch = feed.next()
    expected = pixels[batch.condition["labels"].numpy()].transpose(0, 3, 1, 2) / 127.5 - 1
    np.testing.assert_allclose(batch.images.numpy(), expected, atol=1e-6)


@pytest.mark.parametrize("memory_format", [torch.channels_last, torch.contiguous_format])
def test_a_memory_format_is_kept(memory_format: torch.memory_format) -> None:
    for flip in (False, True):
        image_set = ImageSet(np.zeros((4, 8, 8, 3), np.uint8), flip=flip)
        batch = Feed(image_set, 2, 0, CPU, memory_format).next()
        assert batch.images.is_contiguous(memory_format=memory_format)


def test_points_are_taken_as_they_are() -> None:
    points = np.random.default_rng(0).standard_normal((5, 1, 1, 2)).astype(np.float32)
    images = Feed(ImageSet(points), 5, 0, CPU).next().images
    assert images.shape == (5, 2, 1, 1)
    assert sorted(images.flatten().tolist()) == sorted(points.ravel().tolist())


def test_too_few_images_for_a_batch() -> None:
    with pytest.raises(UserError, match="batch_size=3 or less"):
        Feed(numbered(3), 4, 0, CPU)
    with pytest.raises(UserError, match="batch_size=3 or less"):
        Feed(numbered(5, rows=np.array([0, 1, 2])), 4, 0, CPU)


def test_first_images_are_always_the_same() -> None:
    feed = Feed(numbered(10), batch_size=4, seed=0, device=CPU)
    before = numbers(feed.first(3))
    feed.next()
    assert numbers(feed.first(3)) == before
    assert feed.drawn == 4


def test_first_of_classes() -> None:
    labels = np.array([0, 2, 2, 0, 2])
    feed = Feed(ImageSet(numbered(5).images, labels, ("a", "b", "c")), 2, 0, CPU)
    shown = feed.first_of_classes(2, 3)
    assert shown.condition["labels"].tolist() == [0, 0, 1, 1, 2, 2]
    of = numbers(shown)
    assert sorted(of[:2]) == [0, 3]
    assert (shown.images[2:4] == 0).all()  # grey: there is none of that class
    assert set(of[4:]) < {1, 2, 4}


# ------------------------------------------------------------------------------------------------ flips, rows, held out


def test_half_of_the_images_are_mirrored_and_nothing_else() -> None:
    pixels = np.zeros((64, 2, 2, 1), np.uint8)
    pixels[:, 0, 0] = 255  # white above on the left
    drawn = Feed(ImageSet(pixels, flip=True), 64, 0, CPU)
    first, second = (drawn.next().images[:, 0] for _ in range(2))
    mirrored = first[:, 0, 1] == 1
    assert 16 < mirrored.sum() < 48
    assert torch.equal(first[mirrored, 0, 0], torch.full((int(mirrored.sum()),), -1.0))
    assert (first[~mirrored, 0, 0] == 1).all()
    assert (first[:, 1] == -1).all()  # never upside down
    assert not torch.equal(mirrored, second[:, 0, 1] == 1)
    assert (drawn.first(64).images[:, 0, 0, 0] == 1).all()  # what is shown is shown as it is
    assert (Feed(ImageSet(pixels), 64, 0, CPU).next().images[:, 0, 0, 0] == 1).all()


@pytest.mark.parametrize("shape", [(5, 4, 4, 3), (5, 3, 5, 3), (5, 2, 3, 1), (5, 8, 8, 1)])
def test_mirroring_by_hand(shape: tuple[int, int, int, int]) -> None:
    pixels = torch.from_numpy(np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8))
    which = torch.tensor([True, False, False, True, True])
    expected = pixels.numpy().copy()
    expected[[0, 3, 4]] = expected[[0, 3, 4], :, ::-1]
    np.testing.assert_array_equal(mirror(pixels, which).numpy(), expected)
    np.testing.assert_array_equal(mirror(pixels.float(), which).numpy(), expected)


@pytest.mark.parametrize("resident", [1.0, 0.0])
def test_only_chosen_rows_are_drawn(resident: float) -> None:
    image_set = numbered(10, rows=np.array([1, 3, 5, 7]), held_out=np.array([2, 8, 9]))
    feed = Feed(image_set, 4, 0, CPU, resident=resident)
    for _ in range(3):
        batch = feed.next()
        assert sorted(numbers(batch)) == [1, 3, 5, 7]
        assert batch.condition["labels"].tolist() == numbers(batch)
    assert set(numbers(feed.first(4))) == {1, 3, 5, 7}
    few = [feed.held_out(2, step) for step in range(20)]
    assert all(batch is not None and set(numbers(batch)) < {2, 8, 9} for batch in few)
    assert len({tuple(numbers(batch)) for batch in few if batch is not None}) > 2
    assert set(numbers(feed.trained_on(3, 0))) < {1, 3, 5, 7}
    every = feed.held_out(100, 0)
    assert every is not None
    assert sorted(numbers(every)) == [2, 8, 9]
    assert feed.drawn == 12
    assert Feed(numbered(4), 4, 0, CPU).held_out(4, 0) is None


# ------------------------------------------------------------------------------------------------------------- ranks


@pytest.mark.parametrize("ranks", [2, 4])
@pytest.mark.parametrize("resident", [1.0, 0.0])
def test_ranks_share_the_batches_of_one(ranks: int, resident: float) -> None:
    """Together they see what one would, in the same order and mirrored alike, over epochs' ends too."""
    image_set = numbered(10, flip=True)
    pixels = image_set.images.copy()
    pixels[:, :, 0] += 100  # so that a mirrored image can be told
    image_set = ImageSet(pixels, image_set.labels, flip=True)
    alone = Feed(image_set, 8, 3, CPU)
    several = [Feed(image_set, 8, 3, CPU, resident=resident, shard=Shard(rank, ranks)) for rank in range(ranks)]
    for _ in range(6):
        whole, parts = alone.next(), [feed.next() for feed in several]
        assert torch.equal(whole.images, torch.stack([part.images for part in parts], 1).flatten(0, 1))
        labels = torch.stack([part.condition["labels"] for part in parts], 1).flatten()
        assert torch.equal(whole.condition["labels"], labels)
    assert all(feed.drawn == alone.drawn for feed in several)


def test_a_batch_that_cannot_be_shared_equally() -> None:
    with pytest.raises(ValueError, match="cannot be shared equally by 3 ranks"):
        Feed(numbered(10), 8, 0, CPU, shard=Shard(0, 3)).next()


# ---------------------------------------------------------------------------------------------- resident or read ahead


def test_images_stay_where_they_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    image_set = numbered(100)  # 400 bytes
    monkeypatch.setattr("ganlab.data.feed.memory_of", lambda device: 1000)
    assert isinstance(Feed(image_set, 8, 0, CPU, resident=0.4).pixels, Resident)
    assert isinstance(Feed(image_set, 8, 0, CPU, resident=0.39).pixels, Ahead)


def test_resident_images_are_not_copied_on_the_cpu() -> None:
    image_set = numbered(100)
    feed = Feed(image_set, 8, 0, CPU)
    image_set.images[:] = 7
    assert set(numbers(feed.next())) == {7}


def wait(feed: Feed) -> None:
    """Until what is prepared is there."""
    assert isinstance(feed.pixels, Ahead)
    if feed.pixels.expected is not None:
        feed.pixels.expected[1].result()


def test_reading_ahead_gives_the_same_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    image_set = numbered(10)
    resident, ahead = (Feed(image_set, 4, 0, CPU, resident=share) for share in (1.0, 0.0))
    gathered: list[int] = []
    original = Ahead._gather
    monkeypatch.setattr(Ahead, "_gather", lambda self, rows: gathered.append(len(rows)) or original(self, rows))
    for count in (None, None, 7, 3, None, None):  # another size than the one that was prepared
        assert numbers(resident.next(count)) == numbers(ahead.next(count))
    assert numbers(resident.first(5)) == numbers(ahead.first(5))  # between two batches, which it leaves alone
    wait(ahead)
    before = len(gathered)
    assert numbers(resident.next()) == numbers(ahead.next())
    wait(ahead)
    assert len(gathered) == before + 1  # the one after it: it was there itself
    ahead.drawn = resident.drawn = 33  # somebody resumes
    assert numbers(resident.next()) == numbers(ahead.next())


def test_a_failure_of_the_reading_thread_is_raised() -> None:
    class Broken:
        dtype = np.uint8

        def take(self, rows: np.ndarray, axis: int) -> np.ndarray:
            raise OSError("the disk is gone")

    ahead = Ahead(Broken(), CPU)  # type: ignore[arg-type]
    ahead.prepare(torch.arange(2))
    with pytest.raises(OSError, match="the disk is gone"):
        ahead.take(torch.arange(2))
