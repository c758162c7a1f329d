from __future__ import annotations

from ganlab.regularizers.gradient_penalty import GradientPenalty
from ganlab.training.schedule import Alternating


def test_n_critic_updates_then_one_of_g() -> None:
    plan = Alternating(n_critic=3).plan(0, {"gp": GradientPenalty()})
    assert plan.discriminator == (frozenset({"gp"}),) * 3
    assert plan.generator == frozenset({"gp"})


def test_lazy_terms_are_due_every_interval_updates_across_steps() -> None:
    """Each network counts its own updates: with 3 D updates a step, every 2nd is due, in step 1 the 2nd of three."""
    schedule, terms = Alternating(n_critic=3), {"gp": GradientPenalty(interval=2)}
    due = [bool(one) for step in range(2) for one in schedule.plan(step, terms).discriminator]
    assert due == [True, False, True, False, True, False]
    assert [bool(schedule.plan(step, terms).generator) for step in range(4)] == [True, False, True, False]


def test_a_plan_is_a_value() -> None:
    schedule, terms = Alternating(n_critic=2), {"gp": GradientPenalty(interval=4)}
    assert schedule.plan(0, terms) == schedule.plan(4, terms) != schedule.plan(2, terms)
    assert len({schedule.plan(step, terms) for step in range(8)}) == 3
