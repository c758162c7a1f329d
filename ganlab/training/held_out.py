"""D's mean logit on held-out images beside training images, which shows whether D overfits."""

from __future__ import annotations

from ganlab.random_numbers import Shard
from ganlab.ranks import ALONE, Ranks
from ganlab.training.feed import Feed
from ganlab.training.gan import GAN, UpdateContext
from ganlab.training.updates import output_on
from ganlab.types import Batch


def enough_held_out(gan: GAN, count: int, batch: int) -> bool:
    """Whether ``count`` images are enough for D to process them as in its update: at least one pack, and a full
    ``batch`` if D mixes samples, since the batch's size changes its logits then."""
    return count >= (batch if gan.discriminator.mixes_samples else gan.pack)


def held_out_logits(
    gan: GAN, feed: Feed, step: int, batch: int, context: UpdateContext, ranks: Ranks = ALONE, middle: float = 0.0
) -> dict[str, float]:
    """Returns D's mean logits on up to a ``batch`` of held-out images and on as many training images, by tag: D
    overfits if the former is lower. Returns nothing if there are not enough images. Each rank processes its share of
    them. With a diagnosis, its signals of these logits too; ``middle`` is halfway between D's mean logits on reals and
    on fakes."""
    held_out = feed.held_out(batch, step)
    if held_out is None or not enough_held_out(gan, len(held_out.images), batch):
        return {}
    count = len(held_out.images)
    if ranks.count > 1:
        count -= count % (ranks.count * gan.pack)
        if not count:
            return {}
    # At the same step and with the same batch size: D's logits change from step to step, and both with them.
    shard = Shard(ranks.rank, ranks.count, gan.pack)
    trained = feed.trained_on(count, step)
    outputs = [output_on(gan, _rank_share(batch, count, shard), context) for batch in (held_out, trained)]
    values = {
        f"discriminator/{name}": float(output.logits.float().mean())
        for name, output in zip(("held_out", "trained_on"), outputs, strict=True)
    }
    if gan.logit_signals is not None:
        signals = gan.logit_signals.of_held_out(outputs[0].sample_logits, outputs[1].sample_logits, middle)
        values |= {f"diagnosis/{name}": float(value) for name, value in signals.items()}
    return ranks.means(values)


def _rank_share(batch: Batch, count: int, shard: Shard) -> Batch:
    condition = {key: shard.of(value[:count]) for key, value in batch.condition.items()}
    return Batch(shard.of(batch.images[:count]), condition)
