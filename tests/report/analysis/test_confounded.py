"""The settings that differ with the levels of a factor are found, and named wherever its effects are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ganlab.report.analysis.confounded import differing
from ganlab.report.model import Confounded, Report
from ganlab.report.page import as_fragment
from ganlab.report.page.page import as_html
from ganlab.report.text.latex import as_latex
from ganlab.report.text.markdown import as_markdown
from ganlab.report.text.words import listed
from tests.report.synthetic import Made, in_memory, report_on

RATES = {"bce": (2e-4, [0.5, 0.999]), "hinge": (2e-4, [0.0, 0.9]), "wgan_gp": (1e-4, [0.0, 0.9])}
FACTORS = {"init": ("normal", "he"), "norm": ("auto", "spectral"), "loss": tuple(RATES)}


def config_of(levels: Mapping[str, str]) -> dict[str, Any]:
    """The settings of a run, as a loss recommends them."""
    loss = levels.get("loss", "bce")
    rate, betas = RATES[loss]
    layer = {"auto": "layer" if loss == "wgan_gp" else "batch", "spectral": "none"}[levels["norm"]]
    return {
        "init": {"generator": {"name": levels["init"]}},
        "norm": {"discriminator": {"layer": {"name": layer, **({"epsilon": 1e-5} if layer == "batch" else {})}}},
        "loss": {"name": loss, "weight": 1.0},
        "regularizer": {"gradient_penalty": {"weight": 10.0, "at": "interpolates"}} if loss == "wgan_gp" else {},
        "optimizer": {name: {"lr": rate, "betas": betas} for name in ("generator", "discriminator")},
        "runtime": {"threads": 1 if loss == "bce" else 2},
        "latent": {"dim": 100},
    }


def reported(factors: Mapping[str, tuple[str, ...]] = FACTORS, norm: str = "spectral") -> Report:
    rng = np.random.default_rng(0)

    def score(levels: Mapping[str, str], seed: int) -> Made:
        return float({"bce": 10, "hinge": 20, "wgan_gp": 40}[levels.get("loss", "bce")] * np.exp(rng.normal(0, 0.1)))

    found = in_memory(score, factors)
    jobs = []
    for one in found.jobs:
        levels = dict(text.split("=") for text in one.overrides or ())
        config = {**one.files.config, **config_of({"norm": norm, **levels})}
        jobs.append(replace(one, files=replace(one.files, config=config)))
    return report_on(replace(found, jobs=tuple(jobs)))


def test_what_a_loss_brings_along_is_found_by_level() -> None:
    report = reported()
    assert {one.settings: dict(one.values) for one in report.confounded} == {
        ("norm.discriminator.layer",): {"bce": "batch or none", "hinge": "batch or none", "wgan_gp": "layer or none"},
        ("regularizer",): {"bce": "–", "hinge": "–", "wgan_gp": "gradient_penalty"},
        ("optimizer.generator.lr", "optimizer.discriminator.lr"): {
            "bce": "0.0002", "hinge": "0.0002", "wgan_gp": "0.0001",
        },
        ("optimizer.generator.betas", "optimizer.discriminator.betas"): {
            "bce": "[0.5, 0.999]", "hinge": "[0.0, 0.9]", "wgan_gp": "[0.0, 0.9]",
        },
    }  # fmt: skip
    assert {one.factor for one in report.confounded} == {"loss"}  # init and norm bring nothing
    assert differing(report.confounded, "loss", "bce", "hinge") == [
        "optimizer.generator.betas", "optimizer.discriminator.betas",
    ]  # fmt: skip


def test_a_norm_that_is_left_to_the_loss_varies_with_it() -> None:
    report = reported({"init": ("normal", "he"), "loss": ("hinge", "wgan_gp")}, norm="auto")
    assert (
        Confounded("loss", ("norm.discriminator.layer",), {"hinge": "batch", "wgan_gp": "layer"}) in report.confounded
    )


def test_each_sentence_and_table_of_effects_names_it(tmp_path: Path) -> None:
    report = reported()
    claims = [one for one in report.sentences if one.kind in ("effect", "success")]
    assert any(one.numbers["factor"] == "loss" for one in claims)
    for one in claims:
        along = differing(report.confounded, one.numbers["factor"], one.numbers["level"], one.numbers["baseline"])
        assert f"They also differ in {listed(along)}, which nobody typed." in one.text
        assert one.numbers.get("confounded", []) == along
    text = as_markdown(report)
    assert "differ in this factor alone" not in text
    assert "Settings that differ with loss, so that its effects include theirs:" in text
    assert "| optimizer.generator.lr and optimizer.discriminator.lr | 0.0002 | 0.0002 | 0.0001 |" in text
    page = as_html(report, tmp_path)
    assert "Settings that differ with a factor" in page
    assert "differ in this factor alone" not in page
    assert "They also differ in " in as_fragment(report)
    assert r"Levels of loss also differ in " in as_latex(report)


def test_nothing_is_said_where_a_factor_brings_nothing() -> None:
    report = reported({"init": ("normal", "he"), "norm": ("auto", "spectral")})
    assert report.confounded == ()
    assert "Settings that differ with" not in as_markdown(report)
