"""Whatever tree of keys and values is parsed: settings come out, or Refused, and settings survive the way back."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ganlab.commands.evaluate import Evaluate
from ganlab.commands.export import Export
from ganlab.commands.sample import Sample
from ganlab.commands.terminal.arguments import read
from ganlab.config import auto
from ganlab.config.dump import dump
from ganlab.config.parse import parse
from ganlab.config.schema import hints, is_mapping, table_of
from ganlab.config.settings import Settings
from ganlab.errors import UserError
from ganlab.run_folder import as_yaml
from tests.conftest import TINY, tiny
from tests.fuzz import LEAVES, TEXTS, long, quick, refusal

BASE = tiny().plain()


def keys_of(kind: type) -> Iterator[str]:
    for name, annotation in hints(kind).items():
        yield name
        table = table_of(annotation)
        for component in (table or {}).values():
            yield from keys_of(component)
            yield from (table or {}) if is_mapping(annotation) else ()


KEYS = sorted({*keys_of(Settings), "name", "generator", "discriminator"})
NAMES = sorted({name for annotation in hints(Settings).values() for name in (table_of(annotation) or ())})
keys = st.sampled_from(KEYS) | TEXTS | st.integers(-1, 3) | st.none() | st.booleans()
leaves = LEAVES | st.sampled_from(NAMES)
trees = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=5), max_leaves=25
)
configs = st.dictionaries(st.sampled_from(sorted(hints(Settings))) | keys, trees, max_size=8)


@st.composite
def edits(draw: st.DrawFn) -> dict[Any, Any]:
    """A configuration that runs, with some places changed, added or taken away: it gets further than a random tree."""
    plain: dict[Any, Any] = copy.deepcopy(BASE)
    for _ in range(draw(st.integers(1, 4))):
        node: Any = plain
        while isinstance(node, dict) and node:
            key = draw(st.sampled_from(list(node)))
            if not isinstance(node[key], dict) or not node[key] or draw(st.integers(0, 2)) == 0:
                break
            node = node[key]
        action = draw(st.sampled_from(["change", "change", "rename", "add", "take away"]))
        if action == "change":
            node[key] = draw(trees)
        elif action == "add":
            node[draw(keys)] = draw(trees)
        elif action == "rename":
            node[draw(keys)] = node.pop(key)
        else:
            del node[key]
    return plain


def check_parse(plain: Any) -> None:
    told = refusal(lambda: parse(Settings, plain))
    if told is not None:
        assert told.startswith("This configuration cannot run:\n  ")
        return
    settings = parse(Settings, plain)
    again = dump(Settings, settings)
    assert parse(Settings, again) == settings
    assert parse(Settings, json.loads(json.dumps(again))) == settings
    try:
        text = as_yaml(again)
        text.encode()
    except UnicodeEncodeError:  # half of a character, which YAML cannot write; no command line can carry it either
        return
    assert parse(Settings, yaml.safe_load(text)) == settings
    try:
        resolved, _ = auto.resolve(settings)
    except UserError:  # data that is looked at, and is not there
        return
    assert parse(Settings, dump(Settings, resolved)) == resolved


@quick(150)
@given(configs)
def test_a_random_tree_is_settings_or_refused(plain: Any) -> None:
    check_parse(plain)


@quick(150)
@given(edits())
def test_a_changed_configuration_is_settings_or_refused(plain: Any) -> None:
    check_parse(plain)


@pytest.mark.slow
@long(5000)
@given(configs | edits() | trees)
def test_many_trees_are_settings_or_refused(plain: Any) -> None:
    check_parse(plain)


# ------------------------------------------------------------------------------------------- the other commands' words

WORDS = st.builds(
    lambda key, equals, value: f"{key}{equals}{value}",
    st.sampled_from(sorted({*hints(Evaluate), *hints(Sample), *hints(Export), "features.path", "features.name", "a.b.c"}))
    | TEXTS,
    st.sampled_from(["=", "=", "=", "", "==", ":"]),
    TEXTS
    | st.builds(str, LEAVES)
    | st.sampled_from([
        "2026-99-99", "0x_", "0b_", "._", "[" * 3000, "{" * 50, "!!python/name:os.system", "&a [*a]", "*a", "%", "@", "`",
        "- a", "? b", "|", ">", "{[1]: 2}", "!!binary x", "!!set {a}", "!!timestamp x", "<<: 1", "'", '"', "\t", "1:99:99",
        "[1, 2", "!!int x", "!!float x", "=", "~", "\n",
    ]),
)  # fmt: skip


def check_words(words: list[str]) -> None:
    for kind in (Evaluate, Sample, Export):
        assert refusal(lambda kind=kind: read(kind, words)) != ""  # type: ignore[misc]


@quick(150)
@given(st.lists(WORDS, max_size=4))
def test_random_words_are_settings_or_refused(words: list[str]) -> None:
    check_words(words)


@pytest.mark.slow
@long(5000)
@given(st.lists(WORDS, max_size=4))
def test_many_words_are_settings_or_refused(words: list[str]) -> None:
    check_words(words)


def test_the_base_is_one_that_runs() -> None:
    assert parse(Settings, BASE) == tiny().settings
    assert BASE["data"]["size"] == TINY["data"]["size"]
