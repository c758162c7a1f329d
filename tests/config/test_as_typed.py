"""Python values as they are typed: Hydra's grammar reads them back as they were."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st

from ganlab.config.as_typed import as_text, as_typed
from ganlab.config.choices import unquoted
from ganlab.errors import Refused

SCALARS = (
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=12)
)  # fmt: skip


@given(st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3), max_leaves=4))
def test_every_value_is_read_back(value: Any) -> None:
    read = OverridesParser.create().parse_override(f"key={as_text(value)}")
    assert unescaped(unquoted(read._value)) == value


def unescaped(value: Any) -> Any:
    """``\\${`` is how the grammar writes ``${`` without a meaning."""
    if isinstance(value, list):
        return [unescaped(one) for one in value]
    return value.replace("\\${", "${") if isinstance(value, str) else value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("he", "he"), ("normal,he", '"normal,he"'), ("0.5", '"0.5"'), ("null", '"null"'), ("${seed}", r'"\${seed}"'),
        (1e-5, "1e-05"), (True, "true"), (None, "null"), (["ema", "ttur"], "[ema,ttur]"), ((0.0, 0.9), "[0.0,0.9]"),
        (np.float32(0.5), "0.5"), (np.int64(3), "3"), (Path("a b"), "a b"), ({"start": 1, "end": 0}, "{start:1,end:0}"),
    ],
)  # fmt: skip
def test_how_values_are_written(value: Any, text: str) -> None:
    assert as_text(value) == text


@pytest.mark.parametrize(
    ("settings", "typed"),
    [
        ({"steps": 5, "loss": "hinge"}, ["steps=5", "loss=hinge"]),
        ({"optimizer": {"generator": {"lr": 0.1}}}, ["optimizer.generator.lr=0.1"]),
        ({"optimizer.generator.lr": 0.1}, ["optimizer.generator.lr=0.1"]),
        ({"init": {"generator": {"name": "he", "gain": 2}}}, ["init.generator=he", "init.generator.gain=2"]),
        ({"regularizer": {"r1": {"weight": 5}}}, ["regularizer=[r1]", "regularizer.r1.weight=5"]),
        ({"regularizer": {}}, ["regularizer=[]"]),
        ({"logging": {"observers": {"csv": {}}}}, ["logging.observers=[csv]"]),
        ({"targets": {"noise": {"start": 0.1, "end": 0}}}, ["targets.noise={start:0.1,end:0}"]),
        ({"resume": None, "branch": None, "jobs": 1, "resume_override": False, "seed": 1}, ["seed=1"]),
        ({"jobs": 2, "resume": "latest"}, ["jobs=2", "resume=latest"]),
    ],
)  # fmt: skip
def test_nested_settings(settings: dict[str, Any], typed: list[str]) -> None:
    assert as_typed(settings) == typed


def test_all_that_is_no_setting_is_named() -> None:
    with pytest.raises(Refused) as refused:
        as_typed({"steps": {1, 2}, "seed": 1, "loss": {"weight": [object()]}})
    assert [one.partition(",")[0] for one in refused.value.problems] == [
        "steps: found set",
        "loss.weight: found object",
    ]
