from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import pytest

from ganlab.commands.evaluate import Evaluate
from ganlab.commands.terminal.arguments import Help, read, run_command, usage
from ganlab.errors import TrainingFailed, UserError
from ganlab.table import PATH, Positive, PositiveInt


@dataclass(frozen=True)
class Inner:
    depth: PositiveInt = 1
    name: str = "x"


@dataclass(frozen=True)
class Command:
    run: Annotated[str, Help("which run")]
    n: Annotated[PositiveInt | None, Help("how many")] = None
    rate: Positive = 0.5
    mode: Literal["grid", "files"] = "grid"
    labels: Annotated[str | int | tuple[str | int, ...] | None, Help("which classes")] = None
    out: Annotated[str | None, Help("where to " + "and where not to " * 20)] = None
    shout: bool = False
    inner: Inner = field(default_factory=Inner)
    tags: tuple[str, ...] = ("a", "b")


def test_words_become_typed_settings() -> None:
    words = ["run=R", "n=5", "rate=1e-3", "mode=files", "labels=[0,cat,'1']", "shout=true", "inner.depth=3", "tags=[]"]
    assert read(Command, words) == Command("R", 5, 0.001, "files", (0, "cat", "1"), None, True, Inner(3), ())
    assert read(Command, ["run=R"]) == Command("R")
    assert read(Command, ["run=R", "labels=cat"]).labels == "cat"
    assert read(Command, ["run=R", "labels=3"]).labels == 3
    assert read(Command, ["run=R", "inner={depth: 2, name: y}"]).inner == Inner(2, "y")


@dataclass(frozen=True)
class Placed:
    run: Annotated[str, PATH, Help("which run")]
    out: Annotated[str | None, PATH, Help("where to")] = None
    n: int = 1


def test_paths_begin_at_home_where_that_is_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/people/me")
    assert read(Placed, ["run=~/r", "out=a~/x"]) == Placed("/people/me/r", "a~/x")
    assert read(Placed, ["run=r", "out=null"]).out is None


def test_a_path_inside_a_component_is_text_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/people/me")
    for name in ("a: b", "[x]", "12", "{a"):
        asked = read(Evaluate, ["run=r", "features.name=file", f"features.path=~/{name}"])
        assert asked.features.path == f"/people/me/{name}"  # type: ignore[union-attr]


@pytest.mark.parametrize("words", [["--n", "4"], ["--n=4"]])
def test_flags_are_answered_by_what_to_type(words: list[str]) -> None:
    with pytest.raises(UserError) as raised:
        read(Placed, ["run=r", *words])
    assert str(raised.value) == f"{words[0]}: need KEY=VALUE; type n=4"


@pytest.mark.parametrize("name", ["2026-01-31", "12", "1e5", "null", "true", "a: b", "[x", "x=y,z", "~/runs", ""])
def test_text_is_taken_as_it_was_typed(name: str) -> None:
    assert read(Command, [f"run={name}"]).run == name
    expected = None if name in ("", "null") else name
    assert read(Command, ["run=R", f"out={name}"]).out == expected


@pytest.mark.parametrize(
    ("words", "sentences"),
    [
        (["run=R", "nn=3"], ["nn: no such setting; did you mean n?"]),
        (["n=3"], ["run: missing, need text"]),
        (["run=R", "mode=fils"], ["mode=fils: no such option; did you mean mode=files?"]),
        (["run=R", "n=0"], ["n: found 0, need a whole number at least 1 or null"]),
        (["run=R", "inner.dept=3"], ["inner.dept: no such setting; did you mean inner.depth?"]),
        (["run=R", "labels=[true]"], ["labels: found [True], need text or a whole number"]),
        (["run=R", "labels=[0"], ["labels=[0: cannot be read as a value; quote it, or close its brackets"]),
        (["run=R", "labels=2026-01-31", "rate=2026-01-31"], ["rate: found '2026-01-31', need a number"]),
        (["run=R", "labels=2026-99-99"], ["labels=2026-99-99: cannot be read as a value"]),  # no such day
        *((["run=R", f"labels={value}"], [f"labels={value}: cannot be read"]) for value in ("!!timestamp x", "!!bool x", "!!int")),
        (["run=R", "n=0x_"], ["n=0x_: cannot be read as a value"]),
        (["run=R", f"labels={'[' * 3000}"], ["cannot be read as a value"]),
        (["run=R", "grid"], ["grid: need KEY=VALUE; --help lists the keys"]),
        (["run=R", "--n=3"], ["--n=3: need KEY=VALUE"]),
        (["run=R", "=3"], ["=3: need KEY=VALUE"]),
        (["run=R", "n=1", "n=2"], ["n: it is typed twice; leave one out"]),
        (["n=x", "mode=a", "z=1", "walk"], ["walk: need", "z: no such setting", "run: missing", "n: found 'x'", "mode=a"]),
    ],
)  # fmt: skip
def test_all_mistakes_are_told_a_line_each(words: list[str], sentences: list[str]) -> None:
    with pytest.raises(UserError) as told:
        read(Command, words)
    said = str(told.value)
    for sentence in sentences:
        assert sentence in said
    assert len(said.splitlines()) == len(sentences), said


def test_the_help_is_made_of_the_settings() -> None:
    lines = usage(Command, "tool", "does things\n\n  {program} run=R").splitlines()
    assert lines[:4] == ["tool: does things", "", "  tool run=R", ""]
    heads = [line[2:].split("  ")[0].strip() for line in lines[4:] if not line.startswith("   ")]
    assert heads == [
        "run=…",
        "n=",
        "rate=0.5",
        "mode=grid",
        "labels=",
        "out=",
        "shout=false",
        "inner.depth=1",
        "inner.name=x",
        "tags=[a,b]",
    ]
    assert any(line.endswith("which run") for line in lines)
    assert any(line.endswith("a number above 0") for line in lines)  # where nothing more is said
    assert max(map(len, lines)) <= 120


def test_how_a_command_ends(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[Command] = []

    def ends(error: BaseException | None = None) -> int:
        def do(command: Command) -> None:
            done.append(command)
            if error is not None:
                raise error

        return run_command(Command, do, ["run=R"], "tool", "does things")

    assert ends() == 0
    assert done == [Command("R")]
    assert ends(UserError("no, type yes")) == 2
    assert ends(TrainingFailed("broken")) == 1
    assert ends(KeyboardInterrupt()) == 130
    assert capsys.readouterr().err == "no, type yes\nbroken\nStopped.\n"
    with pytest.raises(ZeroDivisionError):  # ours, not the person's
        ends(ZeroDivisionError())
    for words in ([], ["--help"], ["run=R", "-h"]):
        assert run_command(Command, done.append, words, "tool", "does things") == 0
        assert capsys.readouterr().out.startswith("tool: does things\n")
    monkeypatch.setattr("sys.argv", ["tool", "run=from-argv"])
    assert run_command(Command, done.append, None, "tool", "does things") == 0
    assert done[-1].run == "from-argv"


def test_nothing_need_be_typed_where_nothing_must(tmp_path: Path) -> None:
    done: list[Inner] = []
    assert run_command(Inner, done.append, [], "tool", "does things") == 0
    assert done == [Inner()]
