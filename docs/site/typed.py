"""Commands as a reader of the site types them: the installed ``ganlab``, and comments above the commands.

The Markdown files are also read in a checkout, where ``python train.py`` works without an installation. The wheel has
neither ``train.py`` nor ``scripts/``. Scripts of ``benchmarks/`` and ``docs/`` exist in a checkout alone, and stay.
"""

from __future__ import annotations

import re

OF_A_CHECKOUT = (
    "installing.md",
    "contributing.md",
    "changelog.md",
    "benchmarks.md",
    "benchmarks-report.md",
    "measured.md",
    "security.md",
)
"""Pages about working in a checkout, or about both: they stay as they are."""

TORCHRUN = re.compile(r"(\b(?:torchrun|torch\.distributed\.run)\b(?:[^\n`]|\\\n)*?\s)train\.py")
SCRIPT = re.compile(r"(?:python )?\bscripts/(\w+)\.py")
TRAIN = re.compile(r"(?:python )?(?<![\w/.])train\.py")
COMMENTED = re.compile(
    r"^(    )?((?:\$ )?(?:ganlab|pip|make|tensorboard|torchrun|python|mlflow|wandb|eval) .*?)\s{2,}(#.*)$"
)


def installed(text: str) -> str:
    """Returns text whose commands are those of the installed package. ``torchrun`` takes its options before the
    command, and ``--no-python`` says that this is a program and not a Python file."""
    text = TORCHRUN.sub(r"\1--no-python ganlab train", text)
    text = SCRIPT.sub(lambda found: f"ganlab {found[1].replace('_', '-')}", text)
    return TRAIN.sub("ganlab train", text)


def comments_above(text: str) -> str:
    """Returns Markdown in which the comment behind a command stands on a line of its own above it. Behind it, it is cut
    at the right edge of the block where the screen is narrow."""
    lines: list[str] = []
    for line in text.split("\n"):
        found = COMMENTED.match(line)
        before = lines[-1] if lines else ""
        if not found or before.endswith("\\"):
            lines.append(line)
            continue
        indent = found[1] or ""
        if before.strip() and not before.startswith(("```", "~~~")):
            lines.append("")  # a line between one command and the comment of the next
        lines += [f"{indent}{found[3]}", f"{indent}{found[2]}"]
    return "\n".join(lines)
