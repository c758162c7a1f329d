"""Which settings of a run differ from the default ones, and what to type for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from ganlab.config import configure
from ganlab.config.compose import composer
from ganlab.config.differences import default_settings, differences, words_for
from ganlab.run_folder import RunFolder

BEFORE = Path(__file__).resolve().parents[1] / "fixtures" / "run_before"


def plain(*typed: str) -> dict[str, object]:
    with composer() as composing:
        return configure(composing.plain(composing.rewrite(composing.read(typed)))).plain()


def test_the_default_settings_do_not_differ() -> None:
    assert differences(default_settings()) == {}
    assert words_for(default_settings()) == []


def test_what_is_typed_differs() -> None:
    found = differences(plain("init.generator=orthogonal", "init.generator.gain=2", "regularizer=[r1]", "seed=3"))
    ours = {"seed": 3, "init.generator": "orthogonal", "init.generator.gain": 2.0, "regularizer": ["r1"]}
    assert found == {**ours, "norm.discriminator.layer": "layer"}, "and what follows from it"


def test_what_lies_in_another_component_is_compared_with_its_own_defaults() -> None:
    found = differences(
        {"averaging": {"name": "ema", "decay": 0.5, "start": 0}, "loss": {"name": "of_a_plugin", "margin": 1}}
    )
    assert found == {"averaging": "ema", "averaging.decay": 0.5, "loss": "of_a_plugin", "loss.margin": 1}


@pytest.mark.parametrize(
    "typed", [(), ("loss=wgan_gp", "regularizer=[]", "constraint=weight_clipping"), ("condition=auxiliary",)]
)
def test_the_words_give_the_configuration_again(typed: tuple[str, ...]) -> None:
    """Also where a loss brings a penalty along that was taken away, and where a condition brings one that may not be
    named beside it. ``()``: a run of an earlier version."""
    settings = plain(*typed) if typed else RunFolder(BEFORE).load_config()
    words = words_for(settings)
    assert len(words) < 60
    assert configure(settings).plain() == {**plain(*words), "resume": None, "branch": None}


def test_words_for_what_cannot_be_composed_are_all_of_them() -> None:
    settings = {**default_settings(), "loss": {"name": "of_a_plugin", "margin": 1}}
    assert {"loss=of_a_plugin", "loss.margin=1", "steps=2000"} <= set(words_for(settings))
    assert "plugins=[of_somebody]" in words_for({**default_settings(), "plugins": ["of_somebody"]})
