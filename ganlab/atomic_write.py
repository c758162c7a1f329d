"""Atomic replacement of files: a kill at any instant leaves either the old file or the new one."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def replacing(path: Path, name: str | None = None, durable: bool = False) -> Iterator[Path]:
    """Yields a temporary path in the folder of ``path``. The file that the body of the ``with`` statement writes
    there replaces ``path`` when the body ends, and is deleted if the body raises an error.

    ``name`` is the name of the temporary file, ``.NAME.partial`` by default; processes that may write one file at the
    same time need different names. ``durable`` flushes the file before and the folder after the file is renamed, so
    that a power cut leaves a complete file too. Raises OSError; ``path`` is unchanged then.
    """
    partial = path.with_name(name or f".{path.name}.partial")
    try:
        yield partial
        if durable:
            _flush(partial)
        os.replace(partial, path)
        if durable:
            with contextlib.suppress(OSError):  # not every file system can flush a folder
                _flush(path.parent)
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def write_atomically(path: Path, text: str) -> None:
    """Replaces a file by ``text`` in UTF-8. Raises OSError; the file is unchanged then."""
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")


def _flush(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
