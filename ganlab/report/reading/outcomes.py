"""Decides as what each run is counted: success, or the cause of its failure, or nothing known yet."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ganlab.report.model import Outcome, Stated
from ganlab.report.reading.measure import Measure
from ganlab.report.reading.rows import ScoreRow
from ganlab.report.reading.runs import RunFiles
from ganlab.report.text.words import score_name

LONGEST_CAUSE = 90
NOT_SCORED, OTHER_MEASURE = "not scored", "scored by another measure"
NO_SCORE = "no finite score at its end"


@dataclass(frozen=True)
class Verdict:
    """The ``outcome`` of a run and its ``cause``, both in short; ``survivor``: it ended with a finite score."""

    outcome: Outcome
    cause: str = ""
    survivor: bool = False


def verdict(
    files: RunFiles,
    measure: Measure | None,
    threshold: Stated | None,
    best: float | None = None,
    noise: Stated | None = None,
) -> Verdict:
    """Returns how a run is counted. Without a ``measure`` success is to have finished. Where the ``best`` score of the
    run is given, that must reach the threshold and be better than ``noise``, and otherwise the last one."""
    status, reason = str(files.status["status"]), str(files.status["reason"])
    if status == "refused":
        return Verdict("refused", _refusal(reason))
    if status == "diverged":
        return Verdict("diverged", _divergence(reason))
    if status == "diagnosed":
        collapsed = _diagnosed(files.status)
        if not collapsed:
            return Verdict("failed", _ended_by(reason))
        rows = measure.rows(files) if measure else []
        scored = measure is not None and bool(rows) and rows[-1].values[measure.name] is not None
        return Verdict("collapsed", collapsed, scored)
    if status == "failed":
        return Verdict("failed", _short(reason) or "failed")
    if status != "finished":
        return Verdict("unfinished", status)
    if measure is None:
        return _unscored(files)
    rows = measure.rows(files)
    if not rows:
        return Verdict("unfinished", NOT_SCORED)
    last = rows[-1]
    value = last.values[measure.name]
    steps = files.status.get("steps")
    if value is None or (last.training and isinstance(steps, int) and last.step < steps):
        damaged = any(one.path.endswith("scores.jsonl") for one in files.damage)
        return Verdict("unfinished", NOT_SCORED) if damaged else Verdict("failed", NO_SCORE)
    if collapse := _collapse(files, last):
        return Verdict("collapsed", collapse, survivor=True)
    counts = value if best is None else best
    if threshold is not None and measure.worse(counts, threshold.value):
        beyond = "above" if measure.better == "lower" else "below"
        return Verdict("poor", f"{score_name(measure.name)} {beyond} {threshold.value:.4g}", survivor=True)
    if noise is not None and not measure.worse(noise.value, counts):
        return Verdict("poor", f"{score_name(measure.name)} not better than that of noise", survivor=True)
    return Verdict("success", survivor=True)


def _unscored(files: RunFiles) -> Verdict:
    named = _diagnosed(files.status)
    return Verdict("collapsed", named) if named else Verdict("success")


def _ended_by(reason: str) -> str:
    """Returns the verdict that ended a run, of its reason."""
    return _short(re.sub(r" since step [\d,]+:.*", "", re.sub(r"^At step [\d,]+: ", "", reason)))


def _diagnosed(status: Mapping[str, Any]) -> str | None:
    """Returns the verdict in status.json that names a collapse, or None."""
    found = status.get("verdicts", status.get("verdict")) or ()
    for one in found if isinstance(found, list | tuple) else (found,):
        if isinstance(one, Mapping) and (one.get("lasting") is False or one.get("name") == "partial_collapse"):
            continue  # it was over before the end, or the score tells how much of the data is missing
        text = str(one.get("verdict", one.get("name", ""))) if isinstance(one, Mapping) else str(one)
        if "collapse" in text.lower():
            return _short(text.replace("_", " "))
    return None


def _collapse(files: RunFiles, row: ScoreRow) -> str | None:
    """Returns the evidence of a collapse in words, or None. A run collapsed if a verdict says so, or if its samples
    have fewer than half of the modes that as many real images would be expected to have: also none at all, which is
    worse than one."""
    if named := _diagnosed(files.status):
        return named
    found, modes = row.values.get("modes"), _modes_of(files.config, row)
    if found is None or modes is None:
        return None
    samples = files.fingerprints[row.key].get("images")
    expected = modes * (1 - (1 - 1 / modes) ** samples) if isinstance(samples, int) else modes
    if found >= expected / 2:
        return None
    return f"collapsed to fewer than half of {modes:,} modes" if found else f"no sample in any of {modes:,} modes"


def _modes_of(config: Mapping[str, Any], row: ScoreRow) -> int | None:
    """Returns the number of modes of the data: of its classes, or of its Gaussians; None where it is not known."""
    if row.histogram:
        return len(row.histogram)
    data = config.get("data")
    data = data if isinstance(data, Mapping) else {}
    if data.get("name") == "grid" and isinstance(data.get("side"), int):
        return int(data["side"]) ** 2
    if data.get("name") == "ring" and isinstance(data.get("modes"), int):
        return int(data["modes"])
    return None


def _divergence(reason: str) -> str:
    """Returns which network diverged, and how."""
    for pattern, what in (
        (r"gradients of the (\w+)", "gradients not finite"),
        (r"of the (\w+)'s [\d,]+ updates", "updates not finite"),
        (r"mean loss of the (\w+)", "loss too large"),
    ):
        if match := re.search(pattern, reason):
            return f"{match[1]}: {what}"
    return _short(reason) or "diverged"


def _refusal(reason: str) -> str:
    """Returns the first problem of a refusal, up to its explanation."""
    lines = [line.strip() for line in reason.splitlines() if line.strip()]
    first = lines[1] if len(lines) > 1 and lines[0].endswith(":") else lines[0] if lines else "refused"
    return _short(re.split(r", (?:which|since|because)|; | \(|: ", first)[0])


def _short(text: str) -> str:
    """Returns the first sentence of a text, with numbers of steps left out, at most ``LONGEST_CAUSE`` letters."""
    sentence = re.split(r"\. |\n", " ".join(text.split()))[0].rstrip(".")
    sentence = re.sub(r"^At step [\d,]+ ", "", sentence)
    return sentence if len(sentence) <= LONGEST_CAUSE else sentence[: LONGEST_CAUSE - 1].rstrip() + "…"


def counted(value: float | None, outcome: Outcome, noise: Stated | None, measure: Measure) -> float | None:
    """Returns the score of a run *with failures*: the score of noise for one without a score of its own, and for a
    score that is worse; None for a run that has no result."""
    if outcome in ("diverged", "failed"):
        return noise.value if noise else None
    if outcome in ("refused", "unfinished") or value is None or not math.isfinite(value):
        return None
    return noise.value if noise and measure.worse(value, noise.value) else value
