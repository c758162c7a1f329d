from __future__ import annotations

import itertools

from ganlab.update_counts import discriminator_updates


def by_hand(steps: int, n_critic: int, every: int, pretraining: int, burst: tuple[int, int, int] | None) -> int:
    count = pretraining if steps else 0
    for step in range(steps):
        if burst is not None and (step < burst[0] or step % burst[1] == 0):
            count += burst[2]
        elif step % every == 0:
            count += n_critic
    return count


def test_the_number_of_updates_is_the_sum_over_the_steps() -> None:
    bursts = (None, (0, 1, 3), (3, 4, 10), (25, 6, 2))
    for steps, n_critic, every, pretraining, burst in itertools.product(
        (0, 1, 2, 13, 40), (1, 5), (1, 3), (0, 7), bursts
    ):
        expected = by_hand(steps, n_critic, every, pretraining, burst)
        assert discriminator_updates(steps, n_critic, every, pretraining, burst) == expected
