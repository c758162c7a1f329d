"""Plain trees: nested dicts, addressed by full keys such as ``optimizer.generator.lr``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def lookup(plain: Any, key: str) -> Any:
    """Returns the value at a full key, or None if there is none."""
    for part in key.split("."):
        plain = plain.get(part) if isinstance(plain, dict) else None
    return plain


def assign(plain: dict[str, Any], key: str, value: Any) -> None:
    """Sets the value at a full key. A component on the path that is only a name becomes a dict with that name."""
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
    """Yields the full keys below ``node``, whose own key is ``key``, with their values. A schedule is one value."""
    if isinstance(node, dict) and not is_schedule(node):
        for name, inner in node.items():
            yield from leaves(inner, f"{key}.{name}")
    else:
        yield key, node
