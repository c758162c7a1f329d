from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ganlab.errors import UserError
from ganlab.report.analysis.factors import NOT_TYPED, Choices, choices_of, with_baselines
from ganlab.report.analysis.pairs import compared
from ganlab.report.model import Factor


def typed(*overrides: str, configs: list[dict[str, Any]] | None = None) -> Choices:
    return choices_of([one.split() for one in overrides], configs or [{}] * len(overrides))


def names(choices: Choices) -> dict[str, tuple[str, ...]]:
    return {factor.name: factor.levels for factor in choices.factors}


def test_what_was_typed_with_several_values_is_a_factor_and_the_seed_is_none() -> None:
    choices = typed(
        "init=he lr=0.1 steps=9 seed=0", "init=he lr=0.02 steps=9 seed=1", "init=normal lr=0.1 steps=9 seed=0"
    )
    assert names(choices) == {"init": ("he", "normal"), "lr": ("0.02", "0.1")}  # numbers in their order
    assert choices.seeds == ("0", "1", "0")
    assert choices.levels[1] == {"init": "he", "lr": "0.02"}


def test_plus_signs_and_taken_away_settings() -> None:
    choices = typed("++a=1 ~b", "++a=2")
    assert names(choices) == {"a": ("1", "2")}
    assert choices.factors[0].merged == ("~b",)


def test_settings_that_vary_together_are_one_factor() -> None:
    choices = typed("loss=bce n=1", "loss=wgan n=5", "loss=bce n=1")
    assert names(choices) == {"loss": ("bce", "wgan")}
    assert choices.factors[0].merged == ("n",)
    assert "loss, n vary together" in choices.notes[0]


def test_numbers_that_a_sweeper_draws_do_not_vary_together() -> None:
    choices = typed(*(f"a={number} b={number % 7 + number / 100}" for number in range(20)))
    assert [factor.name for factor in choices.factors] == ["a", "b"]


def test_where_nothing_was_kept_of_what_was_typed_the_settings_tell() -> None:
    configs = [
        {"seed": seed, "init": {"generator": {"name": name, "std": std}}, "logging": {"every": seed}}
        for seed in (0, 1) for name, std in (("he", 0.1), ("normal", 0.2))
    ]  # fmt: skip
    choices = choices_of([None] * 4, configs)
    assert names(choices) == {"init.generator": ("he", "normal")}
    assert choices.seeds == ("0", "0", "1", "1")
    assert choices.levels[0] == {"init.generator": "he"}


def test_an_option_that_sets_much_is_one_factor_by_its_name() -> None:
    configs = [{"loss": {"name": name}, "schedule": {"n_critic": n}} for name, n in (("bce", 1), ("wgan", 5))]
    assert names(typed("loss=bce", "loss=wgan_gp", configs=configs)) == {"loss": ("bce", "wgan_gp")}


def test_a_default_that_one_run_typed_is_no_factor() -> None:
    same = {"init": {"name": "normal"}, "loss": {"name": "bce"}}
    assert names(typed("init=normal", "", configs=[same, same])) == {}
    other = {**same, "loss": {"name": "hinge"}}
    assert names(typed("init=normal", "loss=hinge", configs=[same, other])) == {"loss": (NOT_TYPED, "hinge")}


def test_what_changes_no_training_is_no_factor_between_single_runs() -> None:
    configs = [{"loss": {"name": name}} for name in ("bce", "hinge")]
    choices = typed("loss=bce logging.every=5 data.root=/a", "loss=hinge", configs=configs)
    assert names(choices) == {"loss": ("bce", "hinge")}


def test_settings_that_were_never_resolved_are_no_factor() -> None:
    resolved = {"init": {"generator": {"name": "he"}}, "schedule": {"n_critic": 1}}
    configs = [resolved, resolved, {"init": {"generator": "auto"}, "schedule": {"n_critic": "auto"}}]
    assert names(typed("a=1", "a=2", "a=2", configs=configs)) == {"a": ("1", "2")}


def test_auto_as_a_value_hides_no_factor() -> None:
    """data.range stays auto in all runs; runs that were started one by one still differ in what was typed."""
    same = {"data": {"range": "auto"}, "init": {"generator": {"name": "orthogonal", "gain": "auto"}}}
    configs = [{**same, "loss": {"name": name}, "condition": {"name": other}}
               for name, other in (("bce", "none"), ("bce", "projection"), ("hinge", "none"))]  # fmt: skip
    assert names(typed("", "condition=projection", "loss=hinge", configs=configs)) == {
        "condition": (NOT_TYPED, "projection"), "loss": (NOT_TYPED, "hinge"),
    }  # fmt: skip


def test_what_a_resume_changed_is_a_factor() -> None:
    configs = [{"steps": 100}, {"steps": 100}, {"steps": 400}]
    assert names(typed("a=1", "a=2", "a=2", configs=configs)) == {"a": ("1", "2"), "steps": ("100", "400")}


def test_a_run_of_which_nothing_is_known_has_no_levels() -> None:
    choices = choices_of([["a=1"], ["a=2"], None], [{"b": 1}, {"b": 1}, {}])
    assert names(choices) == {"a": ("1", "2")}
    assert choices.levels[2] == {}
    assert choices.seeds == (None, None, None)


def test_a_baseline_is_typed_or_the_list_that_holds_all_others() -> None:
    init = Factor("init", ("he", "normal"))
    tricks = Factor("tricks", ("[ema]", "[ema,ttur]", "[ttur]"))
    assert [one.baseline for one in with_baselines([init, tricks], ["init=normal"])] == ["normal", "[ema,ttur]"]
    assert with_baselines([replace(tricks, levels=("[ema]", "[ttur]", "[top_k]"))], [])[0].baseline is None
    assert with_baselines([replace(tricks, levels=("[]", "[ema]"))], [])[0].baseline is None
    assert compared(replace(init, levels=("a", "b", "c"), baseline="b")) == [("b", "a"), ("b", "c")]
    with pytest.raises(UserError, match="did you mean init"):
        with_baselines([init], ["inti=he"])
    with pytest.raises(UserError, match="init has he, normal"):
        with_baselines([init], ["init=xavier"])


def test_a_baseline_without_a_level_is_one_sentence() -> None:
    with pytest.raises(UserError, match=r"baseline=init: name a level of it too, such as init=normal"):
        with_baselines((Factor("init", ("he", "zero")),), ["init"])


@pytest.mark.parametrize("value", [["a", "b"], None, 1.5, True])
def test_settings_of_every_kind_have_a_text(value: Any) -> None:
    assert len(names(choices_of([None, None], [{"x": value}, {"x": "other"}]))["x"]) == 2
