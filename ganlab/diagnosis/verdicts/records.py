"""The records of a verdict: what was found, its evidence, and what to try."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

NAMES = (
    "divergence",
    "exploding_gradients",
    "dead_layers",
    "no_learning",
    "not_lipschitz",
    "discriminator_overpowers",
    "vanishing_gradients",
    "discriminator_overfits",
    "discriminator_at_chance",
    "mode_collapse",
    "partial_collapse",
    "oscillation",
)
"""The names of the verdicts, causes before what follows from them: of two that hold at once the first one is the more
likely reason."""
CONTAINED = {"partial_collapse": "mode_collapse"}
"""Verdicts that are not given while a more serious one lasts, which contains them."""
HEALTHY = "healthy"
TITLES: Mapping[str, str] = {
    "divergence": "divergence",
    "exploding_gradients": "exploding gradients",
    "dead_layers": "dead layers",
    "no_learning": "no learning",
    "not_lipschitz": "critic far from 1-Lipschitz",
    "discriminator_overpowers": "discriminator overpowers generator",
    "vanishing_gradients": "vanishing gradients",
    "discriminator_overfits": "discriminator overfits",
    "discriminator_at_chance": "discriminator at chance",
    "mode_collapse": "mode collapse",
    "partial_collapse": "partial collapse (modes missing)",
    "oscillation": "oscillation",
    "healthy": "healthy",
}
"""The verdicts as people read them."""


@dataclass(frozen=True)
class Evidence:
    """A number that a verdict rests on: the ``value`` of ``tag``, a tag of metrics.jsonl or ``scores/NAME``, and the
    ``threshold`` that it is ``above`` or ``below``. ``meaning`` says what the number is."""

    tag: str
    value: float
    relation: Literal["above", "below"]
    threshold: float
    meaning: str = ""

    def __str__(self) -> str:
        comparison = f"is {self.value:.3g}, {self.relation} {self.threshold:.3g}"
        return f"{self.meaning} {comparison} ({self.tag})" if self.meaning else f"{self.tag} {comparison}"


@dataclass(frozen=True)
class Advice:
    """Overrides to try together, and why. ``restart``: they matter from the first step on only, so that a new run is
    needed instead of a branch."""

    overrides: tuple[str, ...]
    reason: str
    restart: bool = False

    def __str__(self) -> str:
        return " ".join(self.overrides)


@dataclass(frozen=True)
class Verdict:
    """A verdict on a run. ``network`` is the one it is about, None for both.

    ``since`` is the step of the first log point at which it held, ``given`` that at which it had held for long enough
    to be told, and ``until`` that of the last one at which it held. ``images`` are the training images drawn by D from
    ``since`` to ``until`` (None where the rows do not say), ``points`` the log points among them. ``lasting``: it had
    not ended by the last row. ``evidence``, ``explanation`` and ``advice`` are those of ``until``.
    """

    name: str
    network: str | None
    since: int
    given: int
    until: int
    images: int | None
    points: int
    lasting: bool
    evidence: tuple[Evidence, ...]
    explanation: str
    advice: tuple[Advice, ...]

    @property
    def title(self) -> str:
        """The verdict as people read it, with the network that it is about."""
        of = f" of the {self.network}" if self.network else ""
        return f"{TITLES[self.name]}{of}"

    @property
    def key(self) -> str:
        """The name, with the network after it where the verdict is about one."""
        return f"{self.name}/{self.network}" if self.network else self.name

    def plain(self) -> dict[str, Any]:
        """Returns the verdict as dicts, lists, numbers and strings."""
        plain = asdict(self)
        for name in ("evidence", "advice"):
            plain[name] = [dict(one) for one in plain[name]]
        for one in plain["advice"]:
            one["overrides"] = list(one["overrides"])
        return plain

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Verdict:
        """Returns the verdict that ``plain`` described. Raises KeyError or TypeError for other content."""
        evidence = tuple(Evidence(**one) for one in plain["evidence"])
        advice = tuple(Advice(**{**one, "overrides": tuple(one["overrides"])}) for one in plain["advice"])
        return cls(**{**plain, "evidence": evidence, "advice": advice})

    def markdown(self) -> str:
        """Returns it as Markdown: title and duration, explanation, evidence, and advice."""
        until = "and lasts" if self.lasting else f"until step {self.until:,}"
        images = f", over {self.images:,} images" if self.images is not None else ""
        lines = [f"**{self.title}** since step {self.since:,}, {until}{images}. {self.explanation}", ""]
        lines += [f"- {one}" for one in self.evidence]
        lines += [f"- try `{one}`: {one.reason}" for one in self.advice]
        return "\n".join(lines)

    def ended(self) -> Verdict:
        """Returns the verdict as one that does not last any more."""
        return replace(self, lasting=False)
