"""The outline of the settings says the same as the settings' own dataclasses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import platformdirs
import pytest

from ganlab.config import outline as outlines
from ganlab.config.describe import describe
from ganlab.config.outline import build, known_settings, outline
from ganlab.config.parse import parse
from ganlab.config.schema import fields_at, hints, is_path, keys, mapping_slots, slot_tables
from ganlab.config.settings import Settings
from ganlab.errors import Refused


@pytest.fixture(scope="module")
def built() -> type:
    return build(json.loads(json.dumps(outline(Settings))))


def test_it_has_every_key_and_describes_each_value_alike(built: type) -> None:
    every = list(keys(Settings))
    assert list(keys(built)) == every
    for key in every:
        ours, theirs = ([*fields_at(kind, key.split("."))] for kind in (built, Settings))
        assert [describe(hints(kind)[name]) for kind, name in ours] == [
            describe(hints(kind)[name]) for kind, name in theirs
        ]
        assert [is_path(kind, name) for kind, name in ours] == [is_path(kind, name) for kind, name in theirs]


def test_it_has_every_table(built: type) -> None:
    assert list(mapping_slots(built)) == list(mapping_slots(Settings))
    ours, theirs = dict(slot_tables(built)), dict(slot_tables(Settings))
    assert {key: (table.kind, list(table)) for key, table in ours.items()} == {
        key: (table.kind, list(table)) for key, table in theirs.items()
    }


MISTAKES: list[dict[str, Any]] = [
    {"steps": 0}, {"step": 5}, {"batch_size": "many"}, {"seed": -1}, {"loss": "bec"}, {"loss": {}},
    {"loss": {"name": "bce", "weigth": 1}}, {"generator": {"name": "dcgan", "blocks": 3}}, {"init": "he"},
    {"norm": {"generator": "spectral"}}, {"optimizer": {"generator": {"name": "adam", "lr": -1, "betas": [1]}}},
    {"optimizer": {"generator": {"name": "adam", "lr": {"start": 1}}}},
    {"optimizer": {"generator": {"name": "adam", "lr": {"start": 1, "end": 2, "shape": "constant"}}}},
    {"regularizer": ["r3", "r1"]}, {"regularizer": {"r1": {"weight": "x"}}}, {"plugins": "own"}, {"jobs": "all"},
    {"rules": "lift"}, {"data": {"name": "image_folder", "root": 3}},
    {"evaluation": {"name": "scores", "every": 0}}, {"averaging": {"name": "ema", "decay": 2}}, {"lr": 1},
]  # fmt: skip


@pytest.mark.parametrize("plain", MISTAKES, ids=str)
def test_a_parse_finds_the_same_mistakes(plain: dict[str, Any], built: type) -> None:
    said = []
    for kind in (built, Settings):
        with pytest.raises(Refused) as refused:
            parse(kind, plain, {"wgan": "loss=wgan"})
        said.append(refused.value.problems)
    assert said[0] == said[1]


def test_no_mistake_in_the_default_settings(built: type) -> None:
    parse(built, {"loss": "bce", "optimizer": {"generator": {"name": "adam", "lr": {"start": 1, "end": 2}}}})


def test_where_pytorch_is_imported_the_settings_themselves_are_known() -> None:
    assert known_settings() is Settings


def test_it_is_written_once_and_again_when_a_file_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda name: tmp_path / name)
    state = ["first"]
    monkeypatch.setattr(outlines, "_fingerprint", lambda: state[0])

    def kind() -> type:
        outlines._outline.cache_clear()
        return outlines._outline()

    try:
        assert kind() is Settings
        assert kind() is not Settings
        assert list(keys(kind())) == list(keys(Settings))
        state[0] = "changed"
        assert kind() is Settings
        assert kind() is not Settings
        (file,) = (tmp_path / "ganlab").iterdir()
        file.write_text('{"of": "changed", "outline": {"root": 0}}', encoding="utf-8")
        assert kind() is Settings
    finally:
        outlines._outline.cache_clear()
