"""Translation of the errors that readers raise at incomplete files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ganlab.errors import UserError, in_one_line


@contextmanager
def require_complete(root: str, kind: str) -> Iterator[None]:
    """Translates the errors of readers at a damaged file of this ``kind``, or at one without permission, into
    UserError."""
    try:
        yield
    except PermissionError as error:
        raise UserError(
            f"data.root={root}: there is no permission to read it; allow it, or type data.root=… for another"
        ) from error
    except UserError:
        raise
    except Exception as error:  # each reader fails in its own ways, struct's and the tokenizer's errors among them
        reason = in_one_line(error).split(". ")[0]
        raise UserError(f"data.root={root}: not a whole {kind} ({reason}); pack or save it again") from error
