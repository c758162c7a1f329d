"""The commands, settings and files in the Markdown of the documentation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md")])
STARTS = ("python", "ganlab", "torchrun", "srun", "make", "pip", "tensorboard", "pytest", "eval")
COMMAND = re.compile(rf"^(?:{'|'.join(STARTS)}) \S")
COMMENT = re.compile(r"(?:^|\s{2,}|\s(?=# ))#.*$")


@dataclass(frozen=True)
class Command:
    """What a page says to type; ``printed`` are the lines that it prints there, if the page shows them."""

    place: str
    text: str
    printed: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.place}: {self.text}"


def blocks(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yields the line number and the lines of each block of code that is indented, or fenced without a language or as a
    shell's."""
    lines = text.split("\n")
    number, fence = 0, None
    found: list[str] = []
    while number < len(lines):
        line = lines[number]
        if fence is None and (opened := re.match(r"^```(\w*)$", line)):
            fence = opened[1]
        elif fence is not None and line.startswith("```"):
            if fence in ("", "bash", "sh", "console", "text"):
                yield number - len(found), found
            fence, found = None, []
        elif fence is not None:
            found.append(line)
        elif line.startswith("    ") and (number == 0 or not lines[number - 1].strip() or found):
            found.append(line[4:])
        elif found:
            yield number - len(found), found
            found = []
        number += 1
    if found:
        yield number - len(found), found


def commands_in(page: str, text: str) -> Iterator[Command]:
    """Yields every command of a page: the lines of its blocks, and those in a sentence."""
    for number, lines in blocks(text):
        joined = re.sub(r" *\\\n\s*", " ", "\n".join(lines)).split("\n")
        for place, line in enumerate(joined):
            words = COMMENT.sub("", line.removeprefix("$ ")).strip()
            if COMMAND.match(words) and " = " not in words:
                after = [one for one in joined[place + 1 :] if one.strip()]
                printed = (
                    tuple(after) if line.startswith("$ ") or after[:1] == ["This configuration cannot run:"] else ()
                )
                yield from (Command(f"{page}:{number + 1}", one, printed) for one in words.split(" && "))
    for number, line in enumerate(text.split("\n"), 1):
        for words in re.findall(r"(?<!`)`([^`]+)`(?!`)", line) if not line.startswith("    ") else ():
            if COMMAND.match(words) and "COMMAND" not in words:
                yield Command(f"{page}:{number}", words)


def all_commands() -> list[Command]:
    """Returns the commands of all pages and of the comments at the head of option files, each once."""
    found: dict[str, Command] = {}
    for path in PAGES:
        for one in commands_in(str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")):
            found.setdefault(one.text, one)
    for path in sorted(ROOT.glob("configs/**/*.yaml")):
        text = re.sub(r" *\\\n# *", " ", path.read_text(encoding="utf-8"))
        for line in text.splitlines():
            words = COMMENT.sub("", line.removeprefix("#")).strip() if line.startswith("#   ") else ""
            if COMMAND.match(words):
                found.setdefault(words, Command(str(path.relative_to(ROOT)), words))
    return list(found.values())


def settings_in(text: str) -> Iterator[str]:
    """Yields every ``KEY=VALUE`` that a page shows as code in a sentence, and that is no part of a command."""
    prose = re.sub(r"^(```.*?^```|    .*?$)", "", text, flags=re.MULTILINE | re.DOTALL)
    one = r"(?:'[a-z_][\w.]*=[^']+'|[a-z_]+(?:[./][\w<>*]+)*=[^\s()]+)"
    for words in re.findall(r"(?<!`)`([^`\n]+)`(?!`)", prose):
        if re.fullmatch(rf"{one}(?:\s+{one})*", words):  # otherwise a command, or Python
            yield from re.findall(one, words)


def files_in(text: str) -> Iterator[tuple[str, str]]:
    """Yields the files that a page says to write, as their names and contents: those of Python that begin with their
    name, and the option files that are shown in a block of their own."""
    for name, content in re.findall(r"```python\n# (\w+\.py)\n(.*?)```", text, flags=re.DOTALL):
        yield name, content
    for _, lines in blocks(text):
        content = "\n".join(lines) + "\n"
        if named := re.match(r"# (FOLDER/[\w/]+\.yaml)", content):
            yield named[1], content
        elif content.startswith("# @package _global_"):
            kind = "study" if "MULTIRUN" in content else "experiment"
            yield f"FOLDER/{kind}/{'mine' if kind == 'study' else 'NAME'}.yaml", content
