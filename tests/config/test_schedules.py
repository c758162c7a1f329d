"""Schedules as they are typed: every setting that may change takes both kinds, and what does not fit is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest

from ganlab.config import configure
from ganlab.config.compose import composer
from ganlab.config.dump import dump, schedules
from ganlab.config.parse import parse
from ganlab.config.schema import hints, table_of
from ganlab.config.settings import Settings
from ganlab.errors import Refused
from ganlab.regularizers.r1_r2 import R1
from ganlab.scalars import Scheduled
from ganlab.table import Range
from tests.conftest import TINY, merged


def moving_settings(kind: type, seen: set[type]) -> Iterator[tuple[type, str, Any]]:
    """Every (component, field, annotation of its number) under ``kind`` that is declared ``Moving``."""
    if kind in seen:
        return
    seen.add(kind)
    for name, annotation in hints(kind).items():
        table = table_of(annotation)
        for inner in table.values() if table is not None else [annotation] if is_dataclass(annotation) else []:
            yield from moving_settings(inner, seen)
        pairs = [member for member in get_args(annotation) if get_origin(member) is tuple]
        for declared in [annotation, *(item for pair in pairs for item in get_args(pair))]:
            if Scheduled in get_args(declared):
                number = next(one for one in get_args(declared) if getattr(one, "__metadata__", None))
                yield kind, name, number
                break


MOVING = list(moving_settings(Settings, set()))
SHOULD_MOVE = {
    *(f"{name}.weight" for name in (
        "GradientPenalty", "R1", "R2", "WeightPenalty", "OrthogonalRegularizer", "Consistency", "Drift", "FeatureMatching",
        "AuxiliaryClassifier", "LeCam", "Reconstruction",
    )),
    "AuxiliaryClassifier.generator_weight", "GradientPenalty.center", "GradientPenalty.spread",
    *(f"Targets.{name}" for name in ("real", "fake", "noise", "flip")),
    *(f"{kind}.dropout" for kind in (
        "UNetGenerator", "DCGANDiscriminator", "MLPDiscriminator", "PatchDiscriminator", "ResNetDiscriminator",
        "TorchvisionDiscriminator",
    )),
    "ADA.p", "InstanceNoise.std", "Alternating.top_k", "WeightClipping.bound",
    *(f"EMA.{name}" for name in ("decay", "ramp", "half_life")),
    *(f"{kind}.{name}" for kind in ("Adam", "AdamW", "RMSprop", "SGD") for name in ("lr", "clip_norm", "clip_value", "weight_decay")),
    "Adam.betas", "AdamW.betas", "RMSprop.alpha", "SGD.momentum",
}  # fmt: skip


def test_what_may_move_is_declared() -> None:
    assert {f"{kind.__name__}.{name}" for kind, name, _ in MOVING} >= SHOULD_MOVE


def ends(number: Any) -> tuple[float, float]:
    """Two numbers inside the range of an annotation."""
    (limits,) = (mark for mark in number.__metadata__ if isinstance(mark, Range))
    assert (limits.most, limits.below) in ((None, None), (1, None), (None, 1)), "choose ends for this range"
    return 0.25, 0.75


def outside(number: Any) -> float:
    (limits,) = (mark for mark in number.__metadata__ if isinstance(mark, Range))
    return 1.5 if limits.most == 1 or limits.below == 1 else -0.5


@pytest.mark.parametrize(
    ("kind", "name", "number"), MOVING, ids=[f"{kind.__name__}.{name}" for kind, name, _ in MOVING]
)
@pytest.mark.parametrize("shape", ["linear", "cosine", "exponential", "step"])
def test_every_declared_setting_takes_both_kinds(kind: type, name: str, number: Any, shape: str) -> None:
    start, end = ends(number)
    pair = name == "betas"

    beside = {"spread": {"at": "neighbourhood"}, "p": {"target": None}}.get(name, {})

    def typed(value: Any) -> dict[str, Any]:
        return {name: [0.0, value] if pair else value, **beside}

    def found(component: Any) -> Any:
        value = getattr(component, name)
        return value[1] if pair else value

    assert found(parse(kind, typed(start))) == start
    schedule = {"start": start, "end": end, "shape": shape, "until": 0.5}
    parsed = parse(kind, typed(schedule))
    assert found(parsed) == Scheduled(start, end, shape, until=0.5)  # type: ignore[arg-type]
    assert parse(kind, dump(kind, parsed)) == parsed
    for which in ("start", "end"):
        with pytest.raises(Refused, match=rf"{name}.*{which}: found {outside(number)}, need .*number"):
            parse(kind, typed({**schedule, which: outside(number)}))
    with pytest.raises(Refused, match="or a schedule"):
        parse(kind, typed(outside(number)))


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ({"strat": 1, "end": 2}, "weight.strat: no such setting; did you mean weight.start?"),
        ({"start": 1}, "weight.end: missing, need a number above 0; a schedule has both ends"),
        ({"start": 1, "end": 2, "shape": "cosin"}, "weight.shape=cosin: no such option; did you mean weight.shape=cosine?"),
        ({"start": 1, "end": 2, "until": 1.5}, "weight.until: found 1.5, need a number at least 0 and at most 1"),
        ({"start": 1, "end": "x"}, "weight.end: found 'x', need a number"),
        (
            {"start": 1, "end": 2, "from": 0.5, "until": 0.2},
            "weight: found from=0.5 and until=0.2, but a schedule begins before it ends; type a from below 0.2",
        ),
        ("{start: 1, end: 2}", "weight: found '{start: 1, end: 2}', need a number above 0, or a schedule {start: …, end: …}"),
    ],
)  # fmt: skip
def test_what_is_refused(typed: Any, problem: str) -> None:
    with pytest.raises(Refused) as refused:
        parse(R1, {"weight": typed})
    assert refused.value.problems == [problem]


def test_a_constant_schedule_has_one_end() -> None:
    assert parse(R1, {"weight": {"start": 3, "shape": "constant"}}).weight == Scheduled(3.0, 3.0, "constant")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (
            {"optimizer": {"generator": {"name": "adam", "decay": "linear", "lr": {"start": 0.1, "end": 0.01}}}},
            "decay=linear, and both change the rate",
        ),
        ({"augment": {"instance_noise": {"std": {"start": 0.1, "end": 0.01}, "until": 0.5}}}, "leave until out"),
        (
            {"schedule": {"name": "alternating", "top_k": {"start": 1, "end": 0.5}, "top_k_until": 0.2}},
            "leave top_k_until out",
        ),
        (
            {"optimizer": {"generator": {"name": "sgd", "momentum": {"start": 0, "end": 0.5}}}},
            "type 0.001 instead of 0",
        ),
        ({"loss": "hinge", "targets": {"real": {"start": 1, "end": 0.9}}}, r"targets\.real=\{start: 1, end: 0.9"),
    ],
)
def test_what_contradicts_itself_is_refused(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(Refused, match=problem):
        configure(merged(TINY, changes))


def test_typed_in_a_recipe_and_in_python_it_is_the_same(tmp_path: Path) -> None:
    weight = {"start": 2, "end": 0.2, "shape": "cosine", "from": 0.25, "until": 0.5}
    in_python = parse(Settings, {"regularizer": {"r1": {"weight": weight}}}).regularizer
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text(
        "# @package _global_\ndefaults:\n  - _self_\n  - override /regularizer: [r1]\n"
        "regularizer:\n  r1:\n    weight: {start: 2, end: 0.2, shape: cosine, from: 0.25, until: 0.5}\n"
    )
    typed = "regularizer.r1.weight={start: 2, end: 0.2, shape: cosine, from: 0.25, until: 0.5}"
    with composer(str(tmp_path)) as composing:
        on_the_line = composing.plain(composing.rewrite(composing.read(["regularizer=[r1]", typed])))
        recipe = composing.plain(composing.rewrite(composing.read(["experiment=mine"])))
        number = composing.plain(composing.rewrite(composing.read(["experiment=mine", "regularizer.r1.weight=5"])))
        one_end = composing.plain(composing.rewrite(composing.read(["experiment=mine", "regularizer.r1.weight.end=1"])))
    assert parse(Settings, on_the_line).regularizer == in_python == parse(Settings, recipe).regularizer
    assert in_python == {"r1": R1(weight=Scheduled(2.0, 0.2, "cosine", 0.25, 0.5))}
    assert parse(Settings, number).regularizer == {"r1": R1(weight=5.0)}
    assert parse(Settings, one_end).regularizer == {"r1": R1(weight=Scheduled(2.0, 1.0, "cosine", 0.25, 0.5))}


def test_schedules_are_found_by_their_keys() -> None:
    changes = {
        "targets": {"flip": {"start": 0.1, "end": 0}},
        "optimizer": {"generator": {"name": "adam", "betas": [0, {"start": 0.9, "end": 0.99}]}},
        "regularizer": {"drift": {"weight": {"start": 1, "end": 2}}},
    }
    settings = parse(Settings, changes)
    keys = ["targets.flip", "regularizer.drift.weight", "optimizer.generator.betas.1"]
    assert [key for key, _ in schedules(settings)] == keys
    assert not list(schedules(Settings()))


def test_the_published_schedules_of_r3gan() -> None:
    """Huang et al. 2024, published code, CIFAR-10: at the start, half-way through the burn-in, and at its end."""
    with composer() as composing:
        plain = composing.plain(composing.rewrite(composing.read(["experiment=rpgan_r1_r2_cifar10"])))
    settings = parse(Settings, plain)
    found: dict[str, Any] = dict(schedules(settings))
    quarter = (1 - 0.5**0.5) / 2  # share of a half cosine after a quarter of the way
    for key, start, end in (
        ("regularizer.r1.weight", 0.05, 0.005),
        ("regularizer.r2.weight", 0.05, 0.005),
        ("optimizer.generator.betas.1", 0.9, 0.99),
        ("optimizer.discriminator.betas.1", 0.9, 0.99),
        ("averaging.half_life", 0.0, 5e6 / 512),
        ("augment.ada.p", 0.0, 0.55),
    ):
        values = [found[key].at(progress) for progress in (0, 0.25, 0.5, 1)]
        assert values == pytest.approx([start, start + quarter * (end - start), (start + end) / 2, end], rel=1e-4), key
    assert settings.steps * settings.batch_size == pytest.approx(2e7, rel=0.01)
    for network in (settings.optimizer.generator, settings.optimizer.discriminator):
        rates = [network.lr * network.decay.factor(progress) for progress in (0, 0.5, 1)]  # type: ignore[operator]
        assert rates == pytest.approx([2e-4, 1.25e-4, 5e-5])
