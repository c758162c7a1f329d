from __future__ import annotations

from ganlab.regularizers.gradient_penalty import GradientPenalty
from ganlab.training.schedule import Alternating


def test_n_critic_updates_then_one_of_g() -> None:
    plan = Alternating(n_critic=3).plan(0, {"gp": GradientPenalty()})
    assert plan.discriminator == (frozenset({"gp"}),) * 3
    assert plan.generator == frozenset({"gp"})


def test_lazy_terms_are_due_every_interval_updates_across_steps() -> None:
    """Each network counts its own updates: with 3 D updates a step, every 2nd is due, in step 1 the 2nd of three."""
    schedule, regularizers = Alternating(n_critic=3), {"gp": GradientPenalty(interval=2)}
    due = [bool(one) for step in range(2) for one in schedule.plan(step, regularizers).discriminator]
    assert due == [True, False, True, False, True, False]
    assert [bool(schedule.plan(step, regularizers).generator) for step in range(4)] == [True, False, True, False]


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
