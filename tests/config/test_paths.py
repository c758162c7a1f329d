"""Settings that are paths: any name is read as it was typed, and each hint gives a text that works in a shell."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from ganlab.config.compose import composer
from ganlab.config.parse import parse
from ganlab.config.paths import expand_flags, is_path_key, read_path, single_hint, to_type, value_of
from ganlab.config.plain import lookup
from ganlab.config.schema import keys
from ganlab.config.settings import Settings
from ganlab.errors import Refused

NAMES = [
    "plain", "My Photos", "a=b", "2023 (Köln), 2nd", "[old]", "{x: y}", "it's", 'a "quoted" one', "12", "1e5", "true",
    "f(x)", "a#b", "a;b & c!", "写真", "$HOME", "back\\slash", "ends\\", "a:b", "über/ä,ö", "x(1),y(2)", "*.png", "a|b<c>",
]  # fmt: skip
ODD = ["a,b", "${seed}", "'quoted'", '"q"', "null", "choice(a,b)", "a${x}\\", "\\${x}", " a"]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", "/people/me")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def plain_of(*overrides: str) -> dict:
    with composer() as composing:
        return composing.plain(composing.rewrite(composing.read(overrides)))


def values_of(key: str, texts: Sequence[str]) -> list[object]:
    """Returns the value of each text that is typed for a key; the last one is composed with Hydra as well."""
    with composer() as composing:
        read = composing.read([f"{key}={one}" for one in texts])
        values = [value_of(one) for one in read]
        assert lookup(composing.plain(composing.rewrite(read[-1:])), key) == values[-1]
        return values


def test_these_settings_are_paths() -> None:
    found = {key for key in keys(Settings) if is_path_key(key)}
    assert found == {
        "data.root", "data.labels", "data.dataset", "runtime.cache", "resume", "branch", "init.generator.path",
        "init.discriminator.path", "evaluation.features.path", "evaluation.features.weights",
        "regularizer.perceptual.weights",
    }  # fmt: skip
    assert is_path_key("hydra.run.dir")
    assert is_path_key("hydra.sweep.dir")


def test_a_name_is_read_as_it_was_typed(home: Path) -> None:
    there = [*NAMES, "a,b", "[a,b]", "${seed}", "choice(a,b)"]  # the last ones mean something else to Hydra
    for name in there:
        (home / name).mkdir(parents=True)
    assert values_of("data.root", there) == there


def test_so_is_the_name_of_what_is_not_there() -> None:
    names = [name for name in NAMES if "," not in name]
    assert values_of("runtime.cache", names) == names
    assert values_of("runtime.cache", [f"~/{name}" for name in names]) == [f"/people/me/{name}" for name in names]


def test_the_hint_works_in_a_shell() -> None:
    names = [*NAMES, *ODD]
    assert to_type("resume", "outputs/2026-01-31/x+y") == "resume=outputs/2026-01-31/x+y"
    assert to_type("resume", "~") == "'resume=./~'"
    words = " ".join(to_type("data.root", name) for name in names)
    typed = subprocess.run(["sh", "-c", f"printf '%s\\n' {words}"], capture_output=True, check=True, text=True)
    assert values_of("data.root", [one.partition("=")[2] for one in typed.stdout.splitlines()]) == names


def test_the_grammar_that_has_a_use_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA", "/data")
    texts = ["${oc.env:DATA}/x", "null", '"~/a, b"']
    assert values_of("runtime.cache", texts) == ["/data/x", None, "/people/me/a, b"]
    with composer() as composing:
        for text, roots in (
            ("a,b", ["a", "b"]),
            ("~/a,~/b", ['"/people/me/a"', '"/people/me/b"']),
            ("'a,b',c", ["'a,b'", "c"]),
            ("ü , 'a,b'", ['"ü"', "'a,b'"]),
            ("choice(a,b)", ["a", "b"]),
        ):
            jobs = composing.jobs(composing.rewrite(composing.read([f"data.root={text}"])))
            assert jobs == [[f"++data.root={root}"] for root in roots]
        assert len(composing.read(["hydra.run.dir=a,b"])) == 1
        assert (
            composing.run_folder(composing.read(["hydra.run.dir=~/a, b (${oc.env:DATA})"]))
            == "/people/me/a, b (${oc.env:DATA})"
        )


def test_a_path_in_a_file_or_a_mapping_begins_at_home_too() -> None:
    assert parse(Settings, {"runtime": {"cache": "~/x"}, "resume": "~/run"}).runtime.cache == "/people/me/x"
    plain = plain_of("data={name: image_folder, root: pics}", "init.generator={name: pretrained, path: pics}")
    plain["data"]["root"] = plain["init"]["generator"]["path"] = "~/pics"
    settings = parse(Settings, plain)
    assert (settings.data.root, settings.init.generator.path) == ("/people/me/pics", "/people/me/pics")  # type: ignore[union-attr]


def test_an_empty_path_is_refused() -> None:
    with pytest.raises(Refused, match=r"data\.root: found '', need a path"):
        parse(Settings, plain_of("data=image_folder", "data.root="))


def test_other_settings_keep_their_grammar() -> None:
    for text in ("seed=1", "data.size=[16,16]", "loss=bce,hinge", "tricks=[ema]", "~data.root", "steps"):
        assert read_path(text) == text


def test_several_values_are_answered_by_what_to_type() -> None:
    assert single_hint("++data.root=a, b") == """for one path with commas type 'data.root="a, b"'"""
    assert single_hint("data.root=\"/me/ü\", 'b'") == """for one path with commas type 'data.root="/me/ü, b"'"""
    assert single_hint("seed=1,2") == "a list needs brackets"


def test_flags_begin_at_home() -> None:
    assert expand_flags(["--config-dir=~/mine", "seed=~"]) == ["--config-dir=/people/me/mine", "seed=~"]
    assert expand_flags(["--config-dir", "~/mine", "-cd=~/x"]) == [
        "--config-dir",
        "/people/me/mine",
        "-cd=/people/me/x",
    ]
