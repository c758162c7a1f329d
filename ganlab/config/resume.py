"""Going on with a saved run: its configuration plus only what was typed."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from hydra.core.override_parser.types import Override

from ganlab.config import Settings, parse
from ganlab.config.compose import Composer
from ganlab.config.parse import hints
from ganlab.config.plain import assign, lookup
from ganlab.errors import Refused

CHANGEABLE = ("steps", "optimizer", "logging", "checkpoint", "evaluation", "runtime", "data.root", "data.download")
"""What a running training can take up. Anything else would make the saved weights those of another training."""


def resumed(composing: Composer, read: Sequence[Override], saved: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The saved plain configuration with what was typed, and a line for each change. Raises Refused.

    The saved ``plugins`` are not imported: whoever resumes a run from somebody else types those that they trust.
    """
    typed = [one for one in read if one.key_or_group not in ("resume", "plugins") and not one.is_hydra_override()]
    resumed = copy.deepcopy(saved)
    known = {*hints(Settings), *composing.options}
    problems: list[str] = []
    changes: list[str] = []
    fresh = composing.plain(composing.rewrite([one for one in read if composing.is_group_choice(one)]))
    for one in typed:
        key = one.key_or_group
        changeable = any(key == allowed or key.startswith(f"{allowed}.") for allowed in CHANGEABLE)
        if not changeable and key.split(".")[0] in known:  # of an unknown one the parse says what was meant
            problems.append(
                f"{one.input_line}: a saved run keeps this; leave it out, or begin a new run without resume"
            )
            continue
        # A value goes onto the saved ones, whatever they are; an option brings all of its group.
        value = fresh[key] if composing.is_group_choice(one) else one.value()
        if lookup(saved, key) != value:
            changes.append(f"{key}: {lookup(saved, key)} → {value}")
        assign(resumed, key, value)
    if problems:
        problems.append(f"what can change on resume: {', '.join(CHANGEABLE)}")
    plugins = [one.value() for one in read if one.key_or_group == "plugins"]
    resumed |= {"plugins": plugins[-1] if plugins else [], "resume": None}
    try:
        parse(Settings, resumed, composing.suggestions)
    except Refused as error:
        problems += [f"{_origin(problem, typed)}{problem}" for problem in error.problems]
        if saved.get("plugins"):
            problems.append(f"it was trained with plugins={saved['plugins']}: type them too if you trust them")
    if problems:
        raise Refused(problems)
    return resumed, changes


def _origin(problem: str, typed: Sequence[Override]) -> str:
    return "" if any(problem.startswith(one.key_or_group) for one in typed) else "saved config.yaml: "
