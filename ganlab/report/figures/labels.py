"""Names of levels as labels of figures: short, and no two alike."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence

from ganlab.report.figures.drawing import LETTER

WHOLE, NOTHING = "all of them", "none of them"


def short_names(levels: Sequence[str]) -> dict[str, str]:
    """Returns a label for each level. Of lists of which one holds all others, such as the tricks of a recipe, it says
    what is left out: ``without ema``."""
    lists = {level: level[1:-1].split(",") for level in levels if re.fullmatch(r"\[.*\]", level)}
    whole = max(lists.values(), key=len, default=[])
    if len(whole) < 2 or len(lists) < len(levels) or not all(set(one) <= {*whole, ""} for one in lists.values()):
        return {level: level for level in levels}
    found = {}
    for level, items in lists.items():
        left_out = [item for item in whole if item not in items]
        own = "without " + ", ".join(left_out)
        found[level] = WHOLE if not left_out else NOTHING if items == [""] else min(own, level, key=len)
    return found


def fitting(labels: Sequence[str], width: float) -> list[str]:
    """Returns labels shortened to a width. Those that would be alike keep their ends in place of their beginnings, then
    the middle that tells them apart, or else get a number."""
    most = max(3, int(width / LETTER))
    ways: tuple[Callable[[str], str], ...] = (
        lambda label: label if len(label) <= most else f"{label[: most - 1]}…",
        lambda label: label if len(label) <= most else f"…{label[len(label) - most + 1 :]}",
        lambda label: label if len(label) <= most else f"{label[: most // 2]}…{label[len(label) - (most - 1) // 2 :]}",
    )
    found = [ways[0](label) for label in labels]
    for shortened in ways[1:]:
        counts = Counter(found)
        found = [
            shortened(label) if counts[one] > 1 and one != label else one
            for one, label in zip(found, labels, strict=True)
        ]
    counts, numbers = Counter(found), Counter[str]()
    for place, one in enumerate(found):
        if counts[one] > 1 and one != labels[place]:
            numbers[one] += 1
            found[place] = f"{numbers[one]}: {one}"[:most]
    return found
