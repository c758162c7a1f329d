"""What is said reaches whoever listens, whatever letters their terminal, file or pipe can take."""

from __future__ import annotations

import io
import sys


def write_out_odd_letters() -> None:
    """From here on a letter that stdout or stderr cannot take is written out (``\\xd7`` for ×, ``\\udcff`` for a byte
    that is no letter), where Python would end the command with a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
