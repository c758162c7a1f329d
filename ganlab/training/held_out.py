"""Whether D learns its images by heart: what it says of some that it never trains on, beside as many that it does."""

from __future__ import annotations

from ganlab.random_numbers import Shard
from ganlab.ranks import ALONE, Ranks
from ganlab.training.feed import Feed
from ganlab.training.updates import GAN, UpdateContext, mean_logit
from ganlab.types import Batch


def enough_held_out(gan: GAN, count: int, batch: int) -> bool:
    """Whether D can judge ``count`` images as it judges a ``batch`` in its update: a pack at least, and where it
    compares samples a whole batch, for a smaller one looks different to it."""
    return count >= (batch if gan.discriminator.mixes_samples else gan.pack)


def held_out_logits(
    gan: GAN, feed: Feed, step: int, batch: int, context: UpdateContext, ranks: Ranks = ALONE
) -> dict[str, float]:
    """D's mean logit on at most a ``batch`` of held-out images, and on as many that it trains on: less on the former
    where it knows the latter by heart. Nothing where there are not enough of them. Of several ranks each judges its
    part, as in D's update."""
    unseen = feed.held_out(batch, step)
    if unseen is None or not enough_held_out(gan, len(unseen.images), batch):
        return {}
    count = len(unseen.images)
    if ranks.count > 1:
        count -= count % (ranks.count * gan.pack)
        if not count:
            return {}
    # At the same moment and in as large a batch: what D says moves from step to step, and with it both.
    shard = Shard(ranks.rank, ranks.count, gan.pack)
    known = feed.trained_on(count, step)
    return ranks.means(
        {
            "discriminator/held_out": float(mean_logit(gan, _rank_share(unseen, count, shard), context)),
            "discriminator/trained_on": float(mean_logit(gan, _rank_share(known, count, shard), context)),
        }
    )


def _rank_share(batch: Batch, count: int, shard: Shard) -> Batch:
    condition = {key: shard.of(value[:count]) for key, value in batch.condition.items()}
    return Batch(shard.of(batch.images[:count]), condition)
