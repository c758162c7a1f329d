"""Numbers and names as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ganlab.report.model import Report, Score, Stated, Summary
from ganlab.score_names import BETTER

NAMES = {
    "fid": "FID",
    "kid": "KID",
    "reverse_kl": "reverse KL",
    "modes": "number of modes",
    "good_share": "share of good samples",
    "memorised": "share of memorised samples",
}


def score_name(name: str) -> str:
    """Returns the name of a score as it is written in a sentence."""
    return NAMES.get(name, name.replace("_", " "))


def number(value: float | None, digits: int = 3) -> str:
    """Returns a number with so many significant digits, without an exponent where it is readable; – for None."""
    if value is None:
        return "–"
    if value == 0:
        return "0"
    text = f"{value:.{digits}g}"
    if "e" in text and 1e-4 <= abs(value) < 1e9:
        return f"{value:,.0f}" if abs(value) >= 1 else f"{value:.6f}".rstrip("0")
    return f"{value:,.0f}" if abs(value) >= 1000 and "e" not in text else text


def interval(low: float | None, high: float | None, digits: int = 3) -> str:
    """Returns both ends of an interval; – where there is none, for fewer than three seeds."""
    return "–" if low is None or high is None else f"{number(low, digits)} to {number(high, digits)}"


def percent(share: float | None) -> str:
    """Returns a share as a percentage."""
    return "–" if share is None else f"{100 * share:.0f} %"


def ratio_or_difference(value: float | None, score: Score) -> str:
    """Returns an effect as text: a factor (×0.45) or a signed difference (+0.12)."""
    if value is None:
        return "–"
    return f"×{number(value)}" if score.comparison == "ratio" else f"{'+' if value > 0 else ''}{number(value)}"


def success_rule(score: Score, threshold: Stated, noise: Stated | None) -> str:
    """Returns which scores succeed: ``at most 30``, ``at least 500``, or, where it is the score of noise, ``better than
    30``."""
    if noise is not None and noise.value == threshold.value:
        return f"better than {number(threshold.value)}"
    return f"at {'most' if score.better == 'lower' else 'least'} {number(threshold.value)}"


def points(difference: float | None) -> str:
    """Returns the difference of two shares in percentage points, with its sign."""
    text = "–" if difference is None else f"{100 * difference:+.0f}"
    return "0" if text in ("+0", "-0") else text


def levels(chosen: Mapping[str, str]) -> str:
    """Returns levels as they are typed: ``init=he norm=batch``."""
    return " ".join(f"{name}={level}" for name, level in chosen.items()) or "all runs"


def mean_and_sd(one: Summary) -> str:
    """Returns ``12.3 ± 0.45``, or the mean alone where there is one run."""
    return f"{number(one.mean)} ± {number(one.sd)}" if one.sd is not None else number(one.mean)


def scores_beside(report: Report) -> list[str]:
    """Returns the names of all scores that the runs have; none if there is only the one that they are compared by."""
    found = {name for cell in report.cells for name in cell.all_scores}
    names = [name for name in BETTER if name in found]
    return names if len(names) > 1 else []


def with_arrow(name: str) -> str:
    """Returns the name of a score with an arrow to its better values: ``FID ↓``."""
    return f"{score_name(name)} {'↓' if BETTER[name] == 'lower' else '↑'}"


def listed(names: Sequence[str], most: int = 4) -> str:
    """Returns ``a, b and c``, or the first of many names and the number of the others."""
    if len(names) > most + 1:
        return f"{', '.join(names[:most])} and {len(names) - most} more settings"
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part) if names else ""


def plural(count: int, word: str) -> str:
    """Returns ``1 run`` or ``2 runs``."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"
