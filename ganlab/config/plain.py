"""Plain trees: dicts of dicts, addressed by full keys such as ``optimizer.generator.lr``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def lookup(plain: Any, key: str) -> Any:
    """What stands under a full key; None where nothing does."""
    for part in key.split("."):
        plain = plain.get(part) if isinstance(plain, dict) else None
    return plain


def assign(plain: dict[str, Any], key: str, value: Any) -> None:
    """Puts a value under a full key. A component that stands on the way as a bare name becomes a dict with it."""
    *parents, last = key.split(".")
    for part in parents:
        inner = plain.get(part)
        if not isinstance(inner, dict):
            plain[part] = {"name": inner} if isinstance(inner, str) else {}
        plain = plain[part]
    plain[last] = value


def is_schedule(node: Any) -> bool:
    """Whether ``node`` is the schedule of one number over the training rather than a group of settings."""
    return isinstance(node, dict) and {"start", "end"} <= node.keys() <= {"start", "end", "shape", "from", "until"}


def leaves(node: Any, key: str) -> Iterator[tuple[str, Any]]:
    """Yields the full keys under ``node``, which stands under ``key``, with their values. A schedule is one value."""
    if isinstance(node, dict) and not is_schedule(node):
        for name, inner in node.items():
            yield from leaves(inner, f"{key}.{name}")
    else:
        yield key, node
