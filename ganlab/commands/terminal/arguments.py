"""Reads the arguments of every command except train: ``key=value`` words, parsed to a dataclass.

A command is a dataclass whose fields are its settings, such as ``n: Annotated[PositiveInt, Help("how many")] = 64``,
and a function whose argument is that dataclass. A setting whose name Python keeps for itself is typed by another word
than its field: ``attempt: bool = field(default=False, metadata={"typed": "try"})``.
"""

from __future__ import annotations

import shlex
import sys
import textwrap
import types
from collections.abc import Callable, Iterator, Sequence
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import yaml

from ganlab.commands.terminal.output import read_no_more, say, write_out_odd_letters
from ganlab.config.describe import describe
from ganlab.config.parse import parse
from ganlab.config.plain import assign
from ganlab.config.schema import fields_at, hints
from ganlab.errors import BAD_VALUE, Refused, TrainingFailed, UserError

T = TypeVar("T")


@dataclass(frozen=True)
class Help:
    """The text of ``--help`` on a setting, in the setting's annotation."""

    text: str


def run_command(
    kind: type[T], do: Callable[[T], None], arguments: Sequence[str] | None, program: str, summary: str
) -> int:
    """Reads ``arguments`` (``sys.argv`` if None), runs the command ``do``, and returns the exit code: 0 done, 1
    failed while running, 2 refused, 130 after Ctrl-C. ``summary`` is the beginning of the help: the purpose of the
    command and examples, with ``{program}`` in place of its name."""
    write_out_odd_letters()
    words = list(sys.argv[1:] if arguments is None else arguments)
    if {"-h", "--help"} & set(words) or (not words and any(map(_must_be_typed, fields(kind)))):  # type: ignore[arg-type]
        say(usage(kind, program, summary).rstrip("\n"))
        return 0
    try:
        do(read(kind, words))
    except UserError as error:
        print(error, file=sys.stderr)
        return 1 if isinstance(error, TrainingFailed) else 2
    except BrokenPipeError:
        read_no_more()
        return 0
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130
    return 0


def read(kind: type[T], words: Sequence[str]) -> T:
    """Parses words such as ``n=64``, ``labels=[0,1]`` and ``a.b=c`` to the dataclass ``kind``; values are YAML, but
    text stays as it was typed. Raises UserError with all problems, one per line."""
    plain: dict[str, Any] = {}
    problems: list[str] = []
    typed: set[str] = set()
    names = {one.metadata["typed"]: one.name for one in fields(kind) if "typed" in one.metadata}  # type: ignore[arg-type]
    for before, word in zip(["", *words], words, strict=False):
        key, equals, text = word.partition("=")
        if not equals and before.startswith("--") and "=" not in before:
            continue  # the value of a flag, which is part of the message on the flag
        if not equals or not key or word.startswith("-"):
            hint = f"type {without_dashes(word, words)}" if word.startswith("--") else "--help lists the keys"
            problems.append(f"{word}: need KEY=VALUE; {hint}")
        elif key in names.values():
            word = next(word for word, name in names.items() if name == key)
            problems.append(f"{key}: no such setting; type {word}={text}")
        elif key in typed:
            problems.append(f"{key}: it is typed twice; leave one out")
        else:
            typed.add(key)
            try:
                name = names.get(key, key)
                assign(plain, name, _value(_annotation(kind, name), text))
            except (yaml.YAMLError, *BAD_VALUE, RecursionError):
                problems.append(f"{word}: cannot be read as a value; quote it, or close its brackets")
    result = None
    try:
        result = parse(kind, plain)
    except Refused as error:
        unread = {problem.partition("=")[0].partition(":")[0] for problem in problems}
        spelled = {name: word for word, name in names.items()}
        for one in error.problems:
            key, colon, rest = one.partition(":")
            problems += [f"{spelled.get(key, key)}{colon}{rest}"] if key not in unread else []
    if problems or result is None:
        raise UserError("\n".join(problems))
    return result


def path_to_type(key: str, path: str) -> str:
    """Returns the word that sets a setting of such a command to exactly this path, quoted for a shell."""
    return shlex.quote(f"{key}=./{path}" if path.startswith("~") or path == "null" else f"{key}={path}")


def without_dashes(flag: str, words: Sequence[str]) -> str:
    """Returns ``steps=5`` for the flag ``--steps=5``, or for ``--steps`` followed by 5 among the words."""
    key, equals, value = flag.lstrip("-").partition("=")
    if not equals:
        place = list(words).index(flag) + 1
        value = words[place] if place < len(words) and "=" not in words[place] else "…"
    return f"{key.replace('-', '_')}={value}"


def usage(kind: type, program: str, summary: str) -> str:
    """Returns the text of ``--help``: the summary, then each setting with its default and its description."""
    lines = [f"{program}: {summary.format(program=program).strip()}", ""]
    shown = list(_settings(kind, ""))
    width = min(max((len(head) for head, _ in shown), default=0), 22)
    for head, says in shown:
        filled = textwrap.wrap(says, 116 - width)
        first, rest = ("", filled) if len(head) > width else (filled[0], filled[1:])
        lines.append(f"  {head:{width}}  {first}".rstrip())
        lines += [f"  {'':{width}}  {line}" for line in rest]
    return "\n".join(lines) + "\n"


def _settings(kind: type, prefix: str) -> Iterator[tuple[str, str]]:
    """Yields ``key=default`` of each setting, and its help; nested settings have their full keys."""
    for one in fields(kind):
        annotation = hints(kind)[one.name]
        if is_dataclass(annotation):
            yield from _settings(annotation, f"{prefix}{one.name}.")  # type: ignore[arg-type]
        else:
            typed = one.metadata.get("typed", one.name)
            yield f"{prefix}{typed}={_default(one)}", _help(annotation)


def _help(annotation: Any) -> str:
    marks = get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()
    return next((mark.text for mark in marks if isinstance(mark, Help)), describe(annotation))


def _must_be_typed(one: Field[Any]) -> bool:
    return one.default is MISSING and one.default_factory is MISSING


def _default(one: Field[Any]) -> str:
    if _must_be_typed(one):
        return "…"
    value = one.default_factory() if one.default_factory is not MISSING else one.default
    if isinstance(value, tuple):
        return f"[{','.join(map(str, value))}]"
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _annotation(kind: type, key: str) -> Any:
    """Returns the annotation of a full key; None if there is no such setting."""
    return next((hints(inner)[name] for inner, name in fields_at(kind, key.split("."))), None)


def _value(annotation: Any, text: str) -> Any:
    """Returns ``text`` unchanged if the annotation allows text only, so that a folder may be named 2026-01-31 or 12;
    otherwise its YAML value."""
    annotation = get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation
    union = get_origin(annotation) in (Union, types.UnionType)
    members = set(get_args(annotation)) if union else {annotation}
    if str in members and members <= {str, type(None)}:
        return None if type(None) in members and text in ("", "null") else text
    value = yaml.safe_load(text)
    return text if not isinstance(value, bool | int | float | str | list | dict | None) else value
