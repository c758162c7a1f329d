"""Every tag that a run logs has a chart with a description, in the order of the page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from ganlab.augment import AUGMENTATIONS
from ganlab.monitor.dashboard import health, training
from ganlab.monitor.dashboard.chart import DETAILS, GROUPS, HEALTH, LOSSES, SAMPLES
from ganlab.monitor.dashboard.charts import chart_of, histogram_chart, score_chart
from ganlab.monitor.dashboard.guide import guide, known
from ganlab.regularizers import REGULARIZERS
from ganlab.score_names import BETTER
from ganlab.training.observer import Observer
from ganlab.training.trainer import Trainer

Make = Callable[..., Trainer]


class Tags(Observer):
    """The tags that a run logs."""

    def __init__(self) -> None:
        self.found: dict[str, float] = {}

    def logged(self, step: int, values: Mapping[str, float]) -> None:
        self.found |= values


RUNS: list[dict[str, Any]] = [
    {"data": {"held_out": 16}, "norm": {"generator": {"weight": "spectral"}, "discriminator": {"weight": "spectral"}}},
    {
        "augment": {"ada": {}},
        "regularizer": {"r1": {}, "lecam": {}, "feature_matching": {}},
        "optimizer": {"generator": {"name": "adam", "lr": {"start": 1e-3, "end": 1e-4}}},
    },
    {"loss": "wasserstein", "regularizer": {"gradient_penalty": {}, "drift": {}}},
]


@pytest.mark.parametrize("changes", RUNS)
def test_every_tag_of_a_run_has_a_chart(make_trainer: Make, changes: dict[str, Any]) -> None:
    tags = Tags()
    make_trainer((tags,), steps=1, **changes).run()
    charts = {tag: chart_of(tag) for tag in tags.found}
    assert len(tags.found) > 12
    assert len({chart.tag for chart in charts.values()}) == len(charts), "two tags in one chart"
    for tag, chart in charts.items():
        assert chart.group in GROUPS
        assert len(chart.what) > 15
        assert "{" not in chart.description
        assert "component or a plugin" not in chart.what, f"{tag} is in no table"
        assert not chart.what.startswith("The signal `"), f"{tag} is in no table"


def test_a_regularizer_is_described_by_its_docstring() -> None:
    for name in REGULARIZERS:
        for network in ("generator", "discriminator"):
            chart = chart_of(f"{network}/{name}")
            assert chart.group == DETAILS
            first = (REGULARIZERS[name].__doc__ or "").split()[:3]
            assert " ".join(first).replace("``", "`") in chart.what, name
    assert chart_of("augment/ada/new").what.endswith(
        " ".join((AUGMENTATIONS["ada"].__doc__ or "").split("\n\n")[0].split()).replace("``", "`")
    )


def test_a_plugins_regularizer_and_an_unknown_tag(monkeypatch: pytest.MonkeyPatch) -> None:
    @dataclass(frozen=True)
    class Mine:
        """The squared logit, by ``weight``.

        More of it.
        """

        weight: float = 1.0

    @dataclass(frozen=True)
    class Silent:
        weight: float = 1.0

    added: dict[str, Any] = {**REGULARIZERS._components, "mine": Mine, "silent": Silent}
    monkeypatch.setattr(REGULARIZERS, "_components", added)
    chart_of.cache_clear()
    assert chart_of("generator/mine").what.endswith("The squared logit, by `weight`.")
    assert "Silent(" not in chart_of("generator/silent").what
    assert chart_of("mine/b").tag == "4 details/mine b"
    assert chart_of("loose").tag == "4 details/loose"
    assert chart_of("diagnosis/verdict/dead_layers/generator").tag == "3 health/Verdict: dead layers of the generator"
    assert chart_of("diagnosis/new_signal").tag == "3 health/new signal"
    chart_of.cache_clear()


def test_the_groups_are_in_the_order_of_the_page() -> None:
    """As TensorBoard sorts: digits before letters, as numbers."""
    assert [int(name.split()[0]) for name in GROUPS] == list(range(1, len(GROUPS) + 1))
    groups = {
        "discriminator/loss": LOSSES, "generator/loss": LOSSES, "discriminator/real": LOSSES,
        "discriminator/fake": LOSSES, "generator/gradient_norm": HEALTH, "generator/blocked": HEALTH,
        "diagnosis/accuracy_real": HEALTH, "diagnosis/generator_dead": HEALTH, "diagnosis/distance": HEALTH,
        "discriminator/learning_rate": DETAILS, "progress/images_per_second": DETAILS, "schedule/a.b": DETAILS,
        "generator/sigma/output": DETAILS, "discriminator/r1": DETAILS,
    }  # fmt: skip
    assert {tag: chart_of(tag).group for tag in groups} == groups
    assert list(GROUPS)[:2] == [SAMPLES, LOSSES]
    assert score_chart("fid", "pixels-1").tag == "2 losses and scores/score FID (pixels-1)"
    assert chart_of("generator/sigma/blocks.0").tag == "4 details/generator sigma of blocks.0"


def test_the_names_of_layers_are_in_the_order_of_the_network() -> None:
    """TensorBoard compares numbers in names as numbers."""
    names = [histogram_chart("weights", "generator", layer, place).name for place, layer in ((2, "a"), (10, "b"))]
    assert names == ["generator 2 a", "generator 10 b"]


def test_each_score_is_described() -> None:
    assert set(BETTER) <= set(training.SCORES)
    assert set(training.FIRST_SCORES) <= set(training.SCORES)
    for name, direction in BETTER.items():
        chart = score_chart(name, "classifier-1")
        good = chart.good.split(";")[0].split(",")[0]
        assert good in (direction, "all of them"), name


def test_the_guide_has_all_charts_and_no_placeholder() -> None:
    text = guide()
    assert all(f"| {chart.name} |" in text for chart in known())
    assert "{" not in text
    names = [chart.tag for chart in known()]
    assert len(names) == len(set(names)), "two tags in one chart"
    assert len(names) > len(health.SINGLE) + len(training.SINGLE)
