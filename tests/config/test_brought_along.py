"""What a loss or a condition brings along, beside what is typed."""

from __future__ import annotations

from typing import Any

import pytest

from ganlab.config.compose import composer
from ganlab.config.parse import parse
from ganlab.config.settings import Settings
from ganlab.errors import Refused
from ganlab.losses.bce import BCE
from ganlab.losses.wasserstein import Wasserstein
from ganlab.regularizers.auxiliary_classifier import AuxiliaryClassifier
from ganlab.regularizers.gradient_penalty import GradientPenalty
from ganlab.regularizers.r1_r2 import R1
from ganlab.training.constraints import Unconstrained, WeightClipping


def typed(*overrides: str) -> Settings:
    with composer() as composing:
        return parse(Settings, composing.plain(composing.rewrite(composing.read(overrides))))


@pytest.mark.parametrize(
    ("overrides", "loss", "regularizers"),
    [
        (["loss=wgan_gp"], Wasserstein(), {"gradient_penalty": GradientPenalty()}),
        (["loss=dragan"], BCE(), {"gradient_penalty": GradientPenalty(at="neighbourhood")}),
        (["loss=bce_r1"], BCE(), {"r1": R1()}),
        (["loss=wgan"], Wasserstein(), {}),
        (["condition=auxiliary"], BCE(), {"auxiliary_classifier": AuxiliaryClassifier()}),
        (["loss=wgan_gp", "regularizer=[r1]"], Wasserstein(), {"gradient_penalty": GradientPenalty(), "r1": R1()}),
        (
            ["loss=wgan_gp", "regularizer.gradient_penalty.weight=1"],
            Wasserstein(),
            {"gradient_penalty": GradientPenalty(weight=1.0)},
        ),
        (
            ["loss=dragan", "regularizer.gradient_penalty.spread=1"],
            BCE(),
            {"gradient_penalty": GradientPenalty(at="neighbourhood", spread=1.0)},
        ),
        (["loss=dragan", "experiment=wgan_gp_mnist"], BCE(), {"gradient_penalty": GradientPenalty(at="neighbourhood")}),
        (["loss=bce", "experiment=wgan_gp_mnist"], BCE(), {}),
        (["loss=wgan_gp", "regularizer=[]"], Wasserstein(), {}),
    ],
)
def test_terms_come_along(overrides: list[str], loss: Any, regularizers: dict[str, Any]) -> None:
    settings = typed(*overrides)
    assert settings.loss == loss
    assert settings.regularizer == regularizers


@pytest.mark.parametrize(
    ("overrides", "constraint"),
    [
        (["loss=wgan"], WeightClipping()),
        (["loss=wgan", "constraint.bound=0.1"], WeightClipping(bound=0.1)),
        (["loss=wgan", "constraint=none"], Unconstrained()),
        (["constraint=none", "loss=wgan"], Unconstrained()),
        (["loss=wgan", "experiment=dcgan_digits"], WeightClipping()),
        (["loss=wgan_gp"], Unconstrained()),
    ],
)
def test_wgan_clips_weights_unless_told(overrides: list[str], constraint: Any) -> None:
    assert typed(*overrides).constraint == constraint


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (
            ["loss=wgan_gp", "regularizer=[gradient_penalty]"],
            "regularizer=[gradient_penalty] with loss=wgan_gp, which adds gradient_penalty already; leave it "
            "out, and type regularizer.gradient_penalty.weight=… for another weight",
        ),
        (
            ["loss=dragan", "regularizer=[r1,gradient_penalty]"],
            "regularizer=[r1,gradient_penalty] with loss=dragan, which adds gradient_penalty already; type "
            "regularizer=[r1], and type regularizer.gradient_penalty.weight=… for another weight",
        ),
        (
            ["experiment=wgan_gp_mnist", "regularizer=[gradient_penalty]"],
            "regularizer=[gradient_penalty] with loss=wgan_gp, which adds gradient_penalty already; leave it "
            "out, and type regularizer.gradient_penalty.weight=… for another weight",
        ),
        (["regularizer=[r1,r1]"], "regularizer=[r1,r1] names r1 twice; type regularizer=[r1]"),
    ],
)
def test_the_same_term_twice_is_refused(overrides: list[str], said: str) -> None:
    with pytest.raises(Refused) as refused:
        typed(*overrides)
    assert sorted(refused.value.problems) == [said]


def test_a_sweeps_refusal_is_of_the_job_that_names_it_twice() -> None:
    with composer() as composing:
        first, second = composing.jobs(
            composing.rewrite(composing.read(["loss=wgan_gp,bce", "regularizer=[gradient_penalty]"]))
        )
        with pytest.raises(Refused):
            composing.plain(first)
        assert "gradient_penalty" in composing.plain(second)["regularizer"]
