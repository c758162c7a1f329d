"""Whether D learns its images by heart: what it says of some that it never trains on, beside as many that it does."""

from __future__ import annotations

from ganlab.training.feed import Feed
from ganlab.training.updates import Game, Moment, judge_apart


def enough(game: Game, count: int, batch: int) -> bool:
    """Whether D can judge ``count`` images as it judges a ``batch`` in its update: a pack at least, and where it
    compares samples a whole batch, for a smaller one looks different to it."""
    return count >= (batch if game.discriminator.mixes_samples else game.pack)


def judge_held_out(game: Game, feed: Feed, step: int, batch: int, moment: Moment) -> dict[str, float]:
    """D's mean logit on at most a ``batch`` of held-out images, and on as many that it trains on: less on the former
    where it knows the latter by heart. Nothing where there are not enough of them."""
    unseen = feed.held_out(batch, step)
    if unseen is None or not enough(game, len(unseen.images), batch):
        return {}
    # At the same moment and in as large a batch: what D says moves from step to step, and with it both.
    known = feed.trained_on(len(unseen.images), step)
    return {
        "discriminator/held_out": float(judge_apart(game, unseen, moment)),
        "discriminator/trained_on": float(judge_apart(game, known, moment)),
    }
