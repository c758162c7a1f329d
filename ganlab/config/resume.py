"""Going on with a saved run: its configuration plus only what was typed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hydra.core.override_parser.types import Override

from ganlab.config import Settings, parse
from ganlab.config.compose import Composer
from ganlab.errors import Refused

CHANGEABLE = ("steps", "optimizer", "logging", "checkpoint", "evaluation", "runtime", "data.root", "data.download")
"""What a running training can take up. Anything else would make the saved weights those of another training."""


def resumed(composing: Composer, read: Sequence[Override], saved: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The saved plain configuration with what was typed, and a line for each change. Raises Refused.

    The saved ``plugins`` are not imported: whoever resumes a run from somebody else types those that they trust.
    """
    typed = [one for one in read if one.key_or_group not in ("resume", "plugins") and not one.is_hydra_override()]
    fresh = composing.plain(composing.rewrite(read))
    problems: list[str] = []
    for origin, plain in (("", fresh), ("saved config.yaml: ", {**saved, "plugins": [], "resume": None})):
        try:
            parse(Settings, plain, composing.suggestions)
        except Refused as error:
            problems += [f"{origin}{problem}" for problem in error.problems]
    if problems and saved.get("plugins"):
        problems.append(f"it was trained with plugins={saved['plugins']}: type them too if you trust them")
    if problems:
        raise Refused(problems)
    changes: list[str] = []
    for one in typed:
        key = one.key_or_group
        if not any(key == allowed or key.startswith(f"{allowed}.") for allowed in CHANGEABLE):
            problems.append(
                f"{one.input_line}: resume=… goes on with the saved settings, and of those only "
                f"{', '.join(CHANGEABLE)} can change; leave it out, or begin a new run without resume"
            )
            continue
        before, after = _get(saved, key), _get(fresh, key)
        _set(saved, key, after)
        if before != after:
            changes.append(f"{key}: {before} → {after}")
    if problems:
        raise Refused(problems)
    return {**saved, "plugins": fresh.get("plugins") or [], "resume": None}, changes


def _get(plain: Any, key: str) -> Any:
    for part in key.split("."):
        plain = plain.get(part) if isinstance(plain, dict) else None
    return plain


def _set(plain: dict[str, Any], key: str, value: Any) -> None:
    *parents, last = key.split(".")
    for part in parents:
        plain = plain.setdefault(part, {})
    plain[last] = value
