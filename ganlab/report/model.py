"""The data of a report: all that a page or a table of it shows. ``effects.json`` is ``as_plain`` of a ``Report``.

A *factor* is a setting that varies between the runs, and its *levels* are the values that were typed. The seed is no
factor: runs that differ in their seed alone repeat one *cell*, a combination of a level of every factor. A *pair* is
two runs that were typed alike but for one factor; the seed is equal too. They differ in that factor, and in the
settings that differ with its levels (``Confounded``).

Scores are given in two ways, always named: *with failures*, where a run that failed has the score of noise, and
*among survivors*, the runs that ended with a finite score. Steps, images, updates of D and seconds are counted from
the start of a run. Shares and probabilities are in [0, 1]. An interval is ``low`` to ``high``; None where it cannot
be computed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal

FORMAT = 1
"""The number of the format of effects.json; it grows when a name in it changes its meaning."""

Better = Literal["lower", "higher"]
Outcome = Literal["success", "poor", "collapsed", "diverged", "failed", "refused", "unfinished"]
"""The outcome as which a run is counted. ``success``: it finished with a finite score that reaches the threshold
(without scores: it finished), and did not collapse. ``poor``: it finished, and its score does not reach the
threshold. ``refused``: nothing was trained. ``unfinished``: it is running, stopped, killed or missing, so that
nothing is known yet."""
FAILURES: tuple[Outcome, ...] = ("poor", "collapsed", "diverged", "failed", "refused")
WORST: tuple[Outcome, ...] = ("diverged", "failed")
"""The outcomes without a usable score: *with failures* they have the score of noise, and in ranks they are last."""


@dataclass(frozen=True)
class Score:
    """The score by which runs are compared. ``id`` names the fingerprint, everything on which its values depend,
    apart from whose weights are scored. ``comparison`` is how two values are compared: as a ratio or as a difference.
    ``at`` is the score that counts for a run: its ``final`` or its ``best`` one."""

    name: str
    better: Better
    comparison: Literal["ratio", "difference"]
    at: Literal["final", "best"]
    id: str
    fingerprint: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Stated:
    """A number that the report rests on, and the ``rule`` in words by which it was obtained."""

    value: float
    rule: str


@dataclass(frozen=True)
class Factor:
    """A setting that varies. ``name`` is what is typed (``init``, ``optimizer.generator.lr``), ``levels`` its values
    in order: numbers ascending, others as they were typed. ``merged`` are other settings that vary together with it,
    so that their effects cannot be told apart. ``baseline`` is the level with which all others are compared; without
    one each level is compared with each other one."""

    name: str
    levels: tuple[str, ...]
    merged: tuple[str, ...] = ()
    baseline: str | None = None


@dataclass(frozen=True)
class Confounded:
    """Settings that differ between runs which were typed alike but for one factor: a level of it brings them along, as
    a loss does with the learning rates that it recommends. The effects of the factor include theirs. ``values`` are
    those of the ``settings``, which are equal to each other, by level; several where other factors decide too."""

    factor: str
    settings: tuple[str, ...]
    values: Mapping[str, str]


@dataclass(frozen=True)
class Picture:
    """A file of samples in the folder of a run: ``samples/step-0000250-average.png``."""

    step: int
    network: str
    file: str


@dataclass(frozen=True)
class Point:
    """A score of a run after ``step`` steps, and what had been spent on it; None where it is not recorded."""

    step: int
    value: float | None
    images: int | None = None
    d_updates: int | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Run:
    """One run. ``folder`` is relative to ``Report.folder`` where it lies in it. ``status`` is that of status.json, or
    ``killed``, ``running``, ``missing`` (never begun) or ``unknown``; ``outcome`` is how it is counted, and ``cause``
    a short name of why it failed (``collapsed``, ``FID above 20``, ``generator diverged``).

    ``value`` is the score that counts, *with failures*: None where it is unfinished, refused, or not comparable.
    ``survivor`` is whether it ended with a finite score of its own. ``scores`` are all scores of its last row.
    ``lifted_rules`` are the refusals in spite of which it was trained (``rules=warn``), ``verdicts`` the titles of the
    verdicts that lasted to its end; None where it was not judged.
    """

    number: int
    name: str
    folder: str
    levels: Mapping[str, str]
    seed: str | None
    status: str
    outcome: Outcome
    cause: str = ""
    reason: str = ""
    survivor: bool = False
    value: float | None = None
    final: float | None = None
    best: float | None = None
    best_step: int | None = None
    steps: int | None = None
    planned_steps: int | None = None
    images: int | None = None
    d_updates: int | None = None
    seconds: float | None = None
    score_id: str | None = None
    comparable: bool = True
    curve: tuple[Point, ...] = ()
    scores: Mapping[str, float | None] = field(default_factory=dict)
    pictures: tuple[Picture, ...] = ()
    real: str | None = None
    lifted_rules: tuple[str, ...] = ()
    verdicts: tuple[str, ...] | None = None
    overrides: tuple[str, ...] = ()
    device: str | None = None
    started: str | None = None
    ended: str | None = None
    damage: tuple[str, ...] = ()


@dataclass(frozen=True)
class Summary:
    """Statistics of some runs' scores. ``low`` to ``high`` is a 95 % bootstrap interval of ``iqm``, the mean of the
    middle half (of fewer than four runs: the mean)."""

    n: int
    mean: float | None = None
    sd: float | None = None
    median: float | None = None
    iqm: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Share:
    """``count`` of ``of`` runs, with Wilson's 95 % interval; None for no runs."""

    count: int
    of: int
    share: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Group:
    """The runs of a cell, or of one level of a factor. ``success`` is a share of the runs that ended, refused ones
    included; ``outcomes`` counts all. ``best`` and ``best_step`` are among survivors, and so is each of ``all_scores``:
    the scores of the last row of each run, whichever it is compared by."""

    levels: Mapping[str, str]
    runs: tuple[int, ...]
    outcomes: Mapping[str, int]
    success: Share
    with_failures: Summary
    survivors: Summary
    best: Summary
    best_step: Summary
    images: Summary
    d_updates: Summary
    seconds: Summary
    all_scores: Mapping[str, Summary] = field(default_factory=dict)


@dataclass(frozen=True)
class Cause:
    """A cause of failures: how often, in which runs, and at which steps (None where it is not known)."""

    outcome: str
    cause: str
    count: int
    runs: tuple[int, ...]
    steps: tuple[int | None, ...]
    example: str = ""


@dataclass(frozen=True)
class Effect:
    """The effect of ``level`` against ``baseline`` of one factor, over matched pairs, *with failures*.

    ``estimate`` is a ratio (1: no effect) or a difference (0: no effect) according to ``Score.comparison``: of level
    to baseline, averaged on the logarithmic or on the plain scale. ``survivors`` is the same over the
    ``survivor_pairs`` whose both runs survived. ``low`` to ``high`` is a 95 % bootstrap interval over ``blocks`` of
    the kind ``block``: seeds, of which it needs three. ``p`` is of a sign-flip permutation test, and
    ``p_adjusted`` (Holm) accounts for all effects of the report. ``improves`` is the probability that level is better
    than baseline, ties counted half. ``better``: whether level is better; None where the data cannot tell.
    ``refused`` and ``unfinished`` count the pairs that are left out since a side of them has no result. ``given``
    holds the level of another factor where the effect is that under this level alone.
    """

    factor: str
    baseline: str
    level: str
    pairs: int
    blocks: int
    block: str
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    p_adjusted: float | None = None
    improves: float | None = None
    improves_low: float | None = None
    improves_high: float | None = None
    better: bool | None = None
    survivors: float | None = None
    survivor_pairs: int = 0
    refused: int = 0
    unfinished: int = 0
    given: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SuccessEffect:
    """The difference of the shares of success between two levels of a factor, over matched pairs that ended: ``won``
    pairs where level alone succeeded, ``lost`` where baseline alone did. ``p`` is of the exact sign test.
    The interval contains that of the bootstrap over seeds and Newcombe's of the pairs."""

    factor: str
    baseline: str
    level: str
    pairs: int
    won: int
    lost: int
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    p_adjusted: float | None = None


@dataclass(frozen=True)
class Interaction:
    """Two factors together: matrices whose rows are levels of ``rows`` and whose columns are levels of ``columns``.

    ``with_failures`` and ``survivors`` are centres of the scores (geometric means where scores are compared as
    ratios, otherwise means), ``success`` shares, ``n`` numbers of runs with a result; None where there is none. ``p``
    is of a permutation test of "the effect of one does not depend on the other", which exchanges the signs of whole
    ``seeds``, and ``fewest_seeds`` the number of them with which an adjusted p can be below 0.05. ``contrasts`` are the
    two effects of one pair of levels of ``rows``, under those two levels of ``columns`` between which they differ most,
    and ``contrast`` is how the second of them compares with the first, with its interval ``contrast_low`` to
    ``contrast_high``. Both are computed only where the adjusted p is below 0.05.
    """

    rows: str
    columns: str
    row_levels: tuple[str, ...]
    column_levels: tuple[str, ...]
    with_failures: tuple[tuple[float | None, ...], ...]
    survivors: tuple[tuple[float | None, ...], ...]
    success: tuple[tuple[float | None, ...], ...]
    n: tuple[tuple[int, ...], ...]
    p: float | None = None
    p_adjusted: float | None = None
    seeds: int = 0
    fewest_seeds: int | None = None
    contrasts: tuple[Effect, ...] = ()
    contrast: float | None = None
    contrast_low: float | None = None
    contrast_high: float | None = None


@dataclass(frozen=True)
class Explained:
    """The share of the variance of the ranks of all scores (failures last) that ``source`` explains: a factor, a pair
    of factors (``init × norm``), ``seed``, or ``rest``. ``by_chance`` is the share to expect without an effect."""

    source: str
    factors: tuple[str, ...]
    share: float
    by_chance: float


@dataclass(frozen=True)
class Profile:
    """A performance profile: for each of the ``thresholds`` the share of the runs of a level that reach it; failures
    reach none. ``low`` to ``high`` is a 95 % bootstrap band over seeds."""

    factor: str
    level: str
    n: int
    thresholds: tuple[float, ...]
    share: tuple[float, ...]
    low: tuple[float | None, ...]
    high: tuple[float | None, ...]


@dataclass(frozen=True)
class Curve:
    """A number over the training, for the runs of a level: its median and quartiles at each number of ``images``.
    ``tag`` is the name of the score, or a tag of metrics.jsonl (``discriminator/loss``). ``steps``, ``d_updates`` and
    ``seconds`` are means at the same points. A diverged run ends where its values end; ``n`` counts those that are
    still there."""

    tag: str
    factor: str
    level: str
    images: tuple[float, ...]
    median: tuple[float | None, ...]
    low: tuple[float | None, ...]
    high: tuple[float | None, ...]
    n: tuple[int, ...]
    steps: tuple[float | None, ...] = ()
    d_updates: tuple[float | None, ...] = ()
    seconds: tuple[float | None, ...] = ()


@dataclass(frozen=True)
class Trend:
    """Spearman's rank correlation of a number with many levels and the scores of the ``n`` runs that have a result,
    failures last: positive if larger numbers have larger scores. ``low`` to ``high`` is its 95 % interval."""

    factor: str
    n: int
    correlation: float
    low: float
    high: float
    p: float


@dataclass(frozen=True)
class AtBudget:
    """The scores among survivors of the ``n`` runs of a level when each had spent ``amount`` of ``kind`` (``images``,
    ``d_updates`` or ``seconds``), which is what the run with the smallest budget had spent. ``scores`` has fewer than
    ``n`` runs where some had not been scored by then."""

    kind: str
    amount: float
    factor: str
    level: str
    n: int
    scores: Summary


@dataclass(frozen=True)
class Sentence:
    """A sentence, and the ``numbers`` from which alone it was made. ``kind``: ``fact`` (what was
    counted), ``effect``, ``success``, ``interaction``, ``unknown`` (what the data cannot tell). ``size`` orders the
    three kinds between."""

    kind: Literal["effect", "success", "interaction", "unknown", "fact"]
    text: str
    numbers: Mapping[str, Any]
    size: float = 0.0


@dataclass(frozen=True)
class Incomparable:
    """A property in which runs differ, so that some numbers do not compare: ``what`` (``score``, ``images``,
    ``d_updates``, ``seconds``, ``machine``, ``version``, …), a sentence that says why, and the runs of each value.
    ``excluded`` says whether the runs beside the first value are left out of all comparisons."""

    what: str
    sentence: str
    values: tuple[tuple[str, tuple[int, ...]], ...]
    excluded: bool = False


@dataclass(frozen=True)
class LiftedRule:
    """A refusal that ``rules=warn`` lifted, and what became of the runs that it would have refused: how many had each
    of the ``outcomes``, and the share of ``success`` of those that ended."""

    rule: str
    runs: tuple[int, ...]
    outcomes: Mapping[str, int]
    success: Share


@dataclass(frozen=True)
class Damage:
    """A file or folder that cannot be read, or a part of it, and why."""

    path: str
    problem: str


@dataclass(frozen=True)
class Holes:
    """Runs that have no result yet, and runs that failed and may succeed when they are repeated (a full disk), by
    status, and the ``command`` that runs them; empty where there is nothing to run."""

    statuses: Mapping[str, int]
    runs: tuple[int, ...]
    command: str = ""


@dataclass(frozen=True)
class Origin:
    """The origin of the runs: the commands as typed, versions, machines, devices, and the time of the first start
    and the last end (ISO 8601)."""

    commands: tuple[str, ...] = ()
    versions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    machines: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    first_start: str | None = None
    last_end: str | None = None


@dataclass(frozen=True)
class Report:
    """Everything that was found in the runs of a sweep (``kind``: ``sweep``), or in a few named runs (``runs``).
    ``cells`` are ordered by their score, the best first. ``score``, ``threshold`` and ``noise`` are None where no run
    is scored: then success is to have finished."""

    title: str
    kind: Literal["sweep", "runs"]
    folder: str
    written: str
    origin: Origin
    score: Score | None
    threshold: Stated | None
    noise: Stated | None
    factors: tuple[Factor, ...]
    seeds: tuple[str, ...]
    runs: tuple[Run, ...]
    success: Share
    sentences: tuple[Sentence, ...] = ()
    cells: tuple[Group, ...] = ()
    levels: tuple[Group, ...] = ()
    causes: tuple[Cause, ...] = ()
    effects: tuple[Effect, ...] = ()
    success_effects: tuple[SuccessEffect, ...] = ()
    interactions: tuple[Interaction, ...] = ()
    explained: tuple[Explained, ...] = ()
    profiles: tuple[Profile, ...] = ()
    curves: tuple[Curve, ...] = ()
    budgets: tuple[AtBudget, ...] = ()
    trends: tuple[Trend, ...] = ()
    lifted_rules: tuple[LiftedRule, ...] = ()
    confounded: tuple[Confounded, ...] = ()
    incomparable: tuple[Incomparable, ...] = ()
    damage: tuple[Damage, ...] = ()
    holes: Holes = field(default_factory=lambda: Holes({}, ()))
    notes: tuple[str, ...] = ()
    format: int = FORMAT

    @property
    def varied(self) -> tuple[str, ...]:
        """The names of the factors."""
        return tuple(factor.name for factor in self.factors)


def as_plain(value: Any) -> Any:
    """Returns dicts, lists, texts and numbers for JSON; a number that is not finite becomes None, since JSON has
    none."""
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: as_plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): as_plain(inner) for key, inner in value.items()}
    if isinstance(value, tuple | list):
        return [as_plain(inner) for inner in value]
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, float):  # also NumPy's float64
        return float(value) if math.isfinite(value) else None
    return value
