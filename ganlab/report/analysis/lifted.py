"""The outcomes of runs that rules about combinations would have refused, had ``rules=warn`` not lifted them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ganlab.report.analysis.groups import success_of
from ganlab.report.model import LiftedRule, Run


def lifted_rules_of(runs: Sequence[Run]) -> tuple[LiftedRule, ...]:
    """Returns each rule that was lifted with its runs, the one of most runs first."""
    found: dict[str, list[Run]] = {}
    for run in runs:
        for rule in run.lifted_rules:
            found.setdefault(rule, []).append(run)
    rules = [
        LiftedRule(
            rule, tuple(run.number for run in some), dict(Counter(run.outcome for run in some)), success_of(some)
        )
        for rule, some in found.items()
    ]
    return tuple(sorted(rules, key=lambda one: -len(one.runs)))
