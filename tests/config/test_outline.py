"""The outline of the settings says the same as the settings' own dataclasses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty cache folder, for a process that has not read its outline yet."""
    monkeypatch.setenv("GANLAB_CACHE", str(tmp_path / "cache"))
    outlines._outline.cache_clear()
    yield tmp_path / "cache"
    outlines._outline.cache_clear()


def kind() -> type:
    outlines._outline.cache_clear()
    return outlines._outline()


def test_it_is_written_once_and_again_when_a_file_changes(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = ["first"]
    monkeypatch.setattr(outlines, "_fingerprint", lambda: state[0])
    assert kind() is Settings
    assert kind() is not Settings
    assert list(keys(kind())) == list(keys(Settings))
    state[0] = "changed"
    assert kind() is Settings
    assert kind() is not Settings


def test_every_file_of_ganlab_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "losses").mkdir()
    file = tmp_path / "losses" / "one.py"
    file.write_text("a = 1")
    monkeypatch.setattr(outlines, "_package", lambda: tmp_path)
    before = outlines._fingerprint()
    assert outlines._fingerprint() == before
    file.write_text("a = 22")
    changed = outlines._fingerprint()
    (tmp_path / "losses" / "two.py").touch()
    assert len({before, changed, outlines._fingerprint()}) == 3


def test_each_installation_has_its_own(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kind()
    monkeypatch.setattr(outlines, "_package", lambda: tmp_path / "other")
    kind()
    assert len(list(cache.glob("settings-*.json"))) == 2


DAMAGED = {
    "empty": "", "half": '{"of": "F", "outl', "a list": "[]", "no outline": '{"of": "F"}', "bytes": "\0\0",
    "no kinds": '{"of": "F", "outline": {"root": 0}}',
    "of itself": '{"of": "F", "outline": {"root": 0, "tables": [], "kinds": [["A", [["a", true, ["kind", 0]]]]]}}',
    "unknown form": '{"of": "F", "outline": {"root": 0, "tables": [], "kinds": [["A", [["a", true, ["list"]]]]]}}',
    "no name": '{"of": "F", "outline": {"root": 0, "tables": [], "kinds": [["A", [["1", true, ["path"]]]]]}}',
}  # fmt: skip


@pytest.mark.parametrize("text", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_file_is_written_again(text: str, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outlines, "_fingerprint", lambda: "F")
    kind()
    (file,) = cache.iterdir()
    file.write_text(text, encoding="utf-8")
    assert kind() is Settings
    assert kind() is not Settings


def test_where_none_can_be_written_the_settings_are_imported(cache: Path, tmp_path: Path) -> None:
    cache.write_text("a file in the place of the folder")
    assert kind() is Settings
    assert kind() is Settings


def test_a_file_that_is_edited_during_the_import_makes_it_an_old_one(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = ["before"]
    monkeypatch.setattr(outlines, "_fingerprint", lambda: state[0])

    def imported() -> type:
        state[0] = "edited"
        return Settings

    monkeypatch.setattr(outlines, "_settings", imported)
    assert kind() is Settings
    assert kind() is Settings  # not the outline of before
