from __future__ import annotations

from itertools import product

import pytest

from ganlab import deprecated
from ganlab.regularizers.gradient_penalty import GradientPenalty
from ganlab.training.schedule import Alternating, Burst, Plan


def test_n_critic_updates_then_one_of_g() -> None:
    plan = Alternating(n_critic=3).plan(0, {"gp": GradientPenalty()})
    assert plan.discriminator == (frozenset({"gp"}),) * 3
    assert plan.generator == (frozenset({"gp"}),)


def test_lazy_terms_are_due_every_interval_updates_across_steps() -> None:
    """Each network counts its own updates: with 3 D updates a step, every 2nd is due, in step 1 the 2nd of three."""
    schedule, regularizers = Alternating(n_critic=3), {"gp": GradientPenalty(interval=2)}
    due = [bool(one) for step in range(2) for one in schedule.plan(step, regularizers).discriminator]
    assert due == [True, False, True, False, True, False]
    assert [schedule.plan(step, regularizers).generator != (frozenset(),) for step in range(4)] == [
        True,
        False,
        True,
        False,
    ]


def test_a_plan_is_a_value() -> None:
    schedule, regularizers = Alternating(n_critic=2), {"gp": GradientPenalty(interval=4)}
    assert schedule.plan(0, regularizers) == schedule.plan(4, regularizers) != schedule.plan(2, regularizers)
    assert len({schedule.plan(step, regularizers) for step in range(8)}) == 3


def test_pretraining_comes_before_the_first_g_update_and_counts() -> None:
    schedule, regularizers = Alternating(n_critic=2, pretrain_discriminator=3), {"gp": GradientPenalty(interval=2)}
    due = [[bool(one) for one in schedule.plan(step, regularizers).discriminator] for step in range(3)]
    assert due == [[True, False, True, False, True], [False, True], [False, True]]


def test_the_plan_tells_parts_and_gs_batch() -> None:
    plan = Alternating(n_critic=1, accumulation=4, generator_batch_factor=2).plan(0, {})
    assert (plan.microbatches, plan.generator_factor) == (4, 2)


def test_the_top_share_falls_linearly_and_stays() -> None:
    schedule = Alternating(n_critic=1, top_k=0.5, top_k_until=0.4)
    assert [round(schedule.top_share(progress), 3) for progress in (0, 0.1, 0.2, 0.4, 1)] == [1, 0.875, 0.75, 0.5, 0.5]
    assert Alternating(n_critic=1, top_k=0.5, top_k_until=0).top_share(0) == 0.5
    assert Alternating(n_critic=1).top_share(1) == 1


def test_several_g_updates_keep_the_interval_of_a_regularizer() -> None:
    schedule, regularizers = Alternating(n_critic=1, generator_updates=3), {"gp": GradientPenalty(interval=2)}
    due = [[bool(one) for one in schedule.plan(step, regularizers).generator] for step in range(2)]
    assert due == [[True, False, True], [False, True, False]]


def test_the_burst_is_that_of_wgans_published_code() -> None:
    """The loop of the authors' main.py, with the number of critic updates before each of G's."""
    schedule = Alternating(n_critic=5, burst=Burst(first=25, every=500, updates=100))
    for gen_iterations in range(1203):
        d_iters = 100 if gen_iterations < 25 or gen_iterations % 500 == 0 else 5
        assert len(schedule.plan(gen_iterations, {}).discriminator) == d_iters


def counted(schedule: Alternating, step: int) -> int:
    """The D updates of a step, from the description of the settings."""
    assert schedule.n_critic != "auto"
    regular = schedule.n_critic if step % schedule.discriminator_every == 0 else 0
    burst = schedule.burst
    if burst is not None and (step < burst.first or step % burst.every == 0):
        regular = burst.updates
    return regular + (schedule.pretrain_discriminator if step == 0 else 0)


@pytest.mark.parametrize("burst", [None, *(Burst(*one) for one in product((0, 1, 5), (1, 4, 6), (1, 7)))], ids=str)
def test_updates_are_numbered_without_a_gap_across_steps(burst: Burst | None) -> None:
    """D's update number u has the regularizers with u divisible by their interval, whatever the steps before it had."""
    regularizers = {"gp": GradientPenalty(interval=5)}
    for n_critic, every, pretraining in product((1, 3), (1, 2, 3), (0, 4)):
        schedule = Alternating(n_critic, discriminator_every=every, burst=burst, pretrain_discriminator=pretraining)
        update = 0
        for step in range(30):
            plan = schedule.plan(step, regularizers)
            assert len(plan.discriminator) == counted(schedule, step)
            for due in plan.discriminator:
                assert bool(due) == (update % 5 == 0)
                update += 1


def test_a_plugins_plan_with_one_set_for_g_is_one_g_update(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deprecated, "_warned", set())
    with pytest.warns(FutureWarning, match="a tuple with one set for each G update"):
        plan = Plan((), frozenset({"gp"}))  # type: ignore[arg-type]
    assert plan == Plan((), (frozenset({"gp"}),))
