"""Errors of readers at incomplete files, and the sentences that report them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ganlab.errors import UserError, in_one_line


@contextmanager
def require_complete(root: str, kind: str) -> Iterator[None]:
    """Turns what readers say of a damaged ``kind`` of file, or of one that may not be read, into a sentence. Raises
    UserError."""
    try:
        yield
    except PermissionError as error:
        raise UserError(f"data.root={root}: it may not be read; allow it, or type data.root=… for another") from error
    except UserError:
        raise
    except Exception as error:  # each reader fails in its own ways, struct's and the tokenizer's errors among them
        told = in_one_line(error).split(". ")[0]
        raise UserError(f"data.root={root}: not a whole {kind} ({told}); pack or save it again") from error
