"""A file is replaced as a whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ganlab.atomic_write import replacing, write_atomically


def test_the_new_content_takes_the_place_of_the_old(tmp_path: Path) -> None:
    file = tmp_path / "words.txt"
    write_atomically(file, "old")
    with replacing(file, durable=True) as partial:
        partial.write_text("new, ä")
        assert file.read_text() == "old"
        assert partial.parent == file.parent
    assert file.read_text(encoding="utf-8") == "new, ä"
    assert os.listdir(tmp_path) == ["words.txt"]


@pytest.mark.parametrize("durable", [False, True])
def test_an_error_leaves_the_old_file_and_nothing_else(durable: bool, tmp_path: Path) -> None:
    file = tmp_path / "words.txt"
    write_atomically(file, "old")

    def stopped() -> None:
        with replacing(file, durable=durable) as partial:
            partial.write_text("half of the n")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert (file.read_text(), os.listdir(tmp_path)) == ("old", ["words.txt"])


def test_a_body_that_writes_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "words.txt"):
        pass


def test_two_writers_with_names_of_their_own_do_not_meet(tmp_path: Path) -> None:
    file = tmp_path / "words.txt"
    with replacing(file, ".one") as one, replacing(file, ".two") as two:
        one.write_text("one")
        two.write_text("two")
    assert (file.read_text(), os.listdir(tmp_path)) == ("one", ["words.txt"])
