"""A page of all commands with their settings, as their ``--help`` prints them."""

from __future__ import annotations

import contextlib
import io

from ganlab.commands import COMMANDS

WITHOUT_HELP = ("train", "doctor", "completion", "inspect-init")
"""Commands that take the settings of a run, which have pages of their own, or none."""


def page() -> str:
    """Returns the page."""
    about = (
        "This is what `ganlab COMMAND --help` prints. [Installing](../installing.md) says what to type in a checkout "
        "without an installation."
    )
    lines = ["# Commands", "", about, ""]
    for name, (text, run) in COMMANDS.items():
        what, _, example = text.partition(": ")
        lines += [f"## ganlab {name}", "", f"{what[0].upper()}{what[1:]}.", ""]
        if name in WITHOUT_HELP:
            lines += [f"    {example}", ""]
            continue
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            run(["--help"])
        lines += ["```text", printed.getvalue().strip(), "```", ""]
    return "\n".join(lines)
