"""A recipe of a person's own, as editors write it, is read or refused with a sentence on its file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ganlab.config.compose import composer
from ganlab.config.option_files import FileConfigSource
from ganlab.errors import Refused

HEAD = "# @package _global_\n"
STEPS = f"{HEAD}# für die Übung\nsteps: 3\ngenerator: {{width: 6}}\n"


def composed(folder: Path, raw: bytes, group: str = "experiment", name: str = "mine.yaml") -> dict[str, Any]:
    (folder / group).mkdir(parents=True)
    (folder / group / name).write_bytes(raw)
    with composer(str(folder)) as composing:
        return composing.plain(composing.rewrite(composing.read([f"{group}=mine"])))


def read(folder: Path, raw: bytes, group: str = "experiment") -> Any:
    """Returns the content of a file, read as Hydra reads it. Raises Refused."""
    (folder / group).mkdir(parents=True)
    (folder / group / "mine.yaml").write_bytes(raw)
    return FileConfigSource("test", str(folder)).load_config(f"{group}/mine").config


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_encodings_with_a_mark_are_read(encoding: str, tmp_path: Path) -> None:
    assert read(tmp_path, STEPS.replace("\n", "\r\n").encode(encoding)) == {"steps": 3, "generator": {"width": 6}}


def test_a_marked_recipe_is_composed(tmp_path: Path) -> None:
    plain = composed(tmp_path, STEPS.encode("utf-16"))
    assert (plain["steps"], plain["generator"]["width"]) == (3, 6)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (STEPS.encode("latin-1"), "mine.yaml, line 2: found the byte 0xfc, which is no letter in UTF-8; save the file in the encoding UTF-8"),
        (STEPS.encode("utf-16")[:-1], "which is no letter in UTF-16; save"),
        (b"steps: 3\n", "mine.yaml: it does not say that its settings belong to the whole configuration; write # @package _global_ as its first line"),
        (b"", "write # @package _global_ as its first line"),
        (f"# Mine.\n{HEAD}".encode(), "found # @package _global_ in line 2 only; write"),
        (b"# @package global\nsteps: 3\n", "found # @package global; write # @package _global_"),
        (f"{HEAD}generator:\n\twidth: 3\n".encode(), "mine.yaml, line 3: found a tab, which YAML does not allow there; indent with spaces"),
        (f"{HEAD}steps: 3\nsteps: 4\n".encode(), "mine.yaml, line 3: the key steps is there twice; leave one out"),
        (f"{HEAD}generator:\n  width: 3\n  width: 4\n".encode(), "line 4: the key width is there twice"),
        (f"{HEAD}steps: 3\0\n".encode(), "mine.yaml: found the character #x0000, which YAML does not allow"),
        (f"{HEAD}steps: [3\n".encode(), "mine.yaml, line 3: not YAML (expected ',' or ']'"),
        (f"{HEAD}steps: !!bool x\n".encode(), "mine.yaml: it cannot be read as settings (KeyError: 'x')"),
        (f"{HEAD}- steps\n".encode(), "mine.yaml: found a list, need settings such as steps: 500"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_a_sentence_on_its_file(raw: bytes, said: str, tmp_path: Path) -> None:
    with pytest.raises(Refused) as refused:
        read(tmp_path, raw)
    assert said in str(refused.value)
    assert len(refused.value.problems) == 1


@pytest.mark.parametrize("group", ["tricks", "experiment"])
@pytest.mark.parametrize("raw", [b"steps: 3\n", f"{HEAD}steps: 3\nsteps: 4\n".encode(), STEPS.encode("latin-1")])
def test_it_is_the_only_problem_of_a_command(group: str, raw: bytes, tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"mine\.yaml") as refused:
        composed(tmp_path, raw, group)
    assert len(refused.value.problems) == 1


def test_an_option_of_a_group_and_a_package_of_a_group_need_none(tmp_path: Path) -> None:
    assert composed(tmp_path / "a", b"name: he\nfan: out\n", "loss")["loss"] == {"name": "he", "fan": "out"}
    assert composed(tmp_path / "b", b"# @package generator\nwidth: 6\n")["generator"]["width"] == 6


def test_a_file_that_ends_in_yml_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        Refused, match=r"experiment=mine: no such option; .*mine\.yml is not read; rename it to mine\.yaml"
    ):
        composed(tmp_path, STEPS.encode(), name="mine.yml")
