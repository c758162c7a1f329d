"""Verdicts on the size of gradients and on layers without life, network by network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from ganlab.diagnosis.verdicts.detector import Detector, Sight, above, below
from ganlab.diagnosis.verdicts.facts import Facts, best_of
from ganlab.diagnosis.verdicts.history import History
from ganlab.diagnosis.verdicts.records import Advice, Evidence
from ganlab.diagnosis.verdicts.unusual import unusual
from ganlab.table import Fraction, Positive, PositiveInt

NETWORKS = ("generator", "discriminator")
Compare = Callable[[str, float, float, str], tuple[Evidence, ...]]


def first_over_last(seen: History, network: str | None) -> float | None:
    """Returns the norm of the first layer's gradient over that of the last layer's, None if the row lacks them."""
    first = seen.level(f"diagnosis/{network}_gradient_first")
    last = seen.level(f"diagnosis/{network}_gradient_last")
    return first / last if first is not None and last is not None and last > 0 else None


def beyond(
    seen: History, network: str | None, compare: Compare, limit: Callable[[float], float], first: float
) -> Sight:
    """Returns the evidence that the norm of a network's gradient is beyond ``limit`` of its norm at first, and that the
    ratio of its first layer's to its last layer's is beyond ``first``: above or below, as ``compare`` says."""
    found: dict[str, tuple[Evidence, ...]] = {}
    tag = f"{network}/gradient_norm"
    if (norm := seen.level(tag)) is not None:
        start = seen.start(tag) or 0.0
        found["norm"] = compare(tag, norm, limit(start), f"the norm of its gradient, at first {start:.3g},")
    if (ratio := first_over_last(seen, network)) is not None:
        meaning = "the norm of its first layer's gradient, over that of its last layer,"
        found["first"] = compare(f"diagnosis/{network}_gradient_first", ratio, first, meaning)
    return found


def restart_with(key: str, value: str, facts: Facts, reason: str) -> Advice | None:
    """Returns advice for another component from the first step on, unless the run has it."""
    return None if facts.name(key) == value else Advice((f"{key}={value}",), reason, restart=True)


@dataclass(frozen=True)
class VanishingGradients(Detector):
    """The gradient of a network is too small to move it, everywhere or on its way to the first layer."""

    name: ClassVar[str] = "vanishing_gradients"
    networks: ClassVar[tuple[str | None, ...]] = NETWORKS
    points: PositiveInt = 3
    # A norm of the whole gradient below 1e-5: Adam's epsilon, 1e-8, counts among its elements from about there on.
    norm: Positive = 1e-5
    # A thousandth of the norm at first.
    fallen: Fraction = 1e-3
    # The first layer's gradient is a ten-thousandth of the last layer's.
    first: Positive = 1e-4

    def look(self, seen: History, facts: Facts, network: str | None) -> Sight:
        return beyond(seen, network, below, lambda start: max(self.norm, self.fallen * start), self.first)

    def explain(self, evidence: Sequence[Evidence], facts: Facts, network: str | None) -> str:
        if any(one.tag.endswith("_first") for one in evidence):
            return f"The gradient fades on its way through the {network}: its first layers hardly learn."
        return f"The {network} receives almost no gradient, so that it stays as it is."

    def advise(self, evidence: Sequence[Evidence], facts: Facts, network: str | None) -> tuple[Advice, ...]:
        return best_of(
            *unusual(facts, self.name),
            facts.lower_rate("discriminator") if facts.is_fast("discriminator") else None,
            restart_with(f"init.{network}", "orthogonal", facts, "its weights begin at another scale"),
            facts.slope_penalty("keeps its gradient useful") if network == "generator" else None,
            facts.instance_noise(),
            facts.higher_rate(str(network)),
        )


@dataclass(frozen=True)
class ExplodingGradients(Detector):
    """The gradient of a network has grown far beyond what it was at first, or grows on its way to the first layer."""

    name: ClassVar[str] = "exploding_gradients"
    networks: ClassVar[tuple[str | None, ...]] = NETWORKS
    points: PositiveInt = 3
    # A hundred times the norm at first, and more than a thousand: norms of 1 to 100 are usual.
    grown: Positive = 100.0
    norm: Positive = 1e3
    # The first layer's gradient is ten thousand times the last layer's.
    first: Positive = 1e4

    def look(self, seen: History, facts: Facts, network: str | None) -> Sight:
        most = 1e2 * self.norm
        return beyond(seen, network, above, lambda start: max(self.norm, min(self.grown * start, most)), self.first)

    def explain(self, evidence: Sequence[Evidence], facts: Facts, network: str | None) -> str:
        if any(one.tag.endswith("_first") for one in evidence):
            return f"The gradient grows on its way through the {network}: its first layers change most."
        return f"The gradient of the {network} is so large that single updates undo what it has learned."

    def advise(self, evidence: Sequence[Evidence], facts: Facts, network: str | None) -> tuple[Advice, ...]:
        clip = None
        if facts.number(f"optimizer.{network}.clip_norm") is None:
            clip = Advice((f"optimizer.{network}.clip_norm=10",), "no gradient is larger then (Pascanu et al. 2013)")
        return best_of(
            *unusual(facts, self.name),
            facts.lower_rate("discriminator") if facts.is_fast("discriminator") else None,
            facts.lower_rate("generator") if facts.is_fast("generator") else None,
            facts.lipschitz() if facts.is_critic else None,
            restart_with(f"init.{network}", "orthogonal", facts, "its weights begin at another scale"),
            clip,
            facts.lower_rate(str(network)),
        )


@dataclass(frozen=True)
class DeadLayers(Detector):
    """Units whose activation is the same for all samples pass nothing on, neither forward nor backward."""

    name: ClassVar[str] = "dead_layers"
    networks: ClassVar[tuple[str | None, ...]] = NETWORKS
    points: PositiveInt = 3
    # 60 % of all units of the network. Half of the units of a small ReLU network may be idle while it trains.
    dead: Fraction = 0.6

    def look(self, seen: History, facts: Facts, network: str | None) -> Sight:
        tag = f"diagnosis/{network}_dead"
        if (share := seen.level(tag)) is None:
            return {}
        return {"dead": above(tag, share, self.dead, "the share of units whose output is the same for all samples")}

    def explain(self, evidence: Sequence[Evidence], facts: Facts, network: str | None) -> str:
        return (
            f"Many units of the {network} give the same output for every sample. No gradient passes through "
            "them, so that they do not recover."
        )

    def advise(self, evidence: Sequence[Evidence], facts: Facts, network: str | None) -> tuple[Advice, ...]:
        reason = "it passes a gradient for negative inputs too"
        return best_of(
            *unusual(facts, self.name),
            facts.lower_rate(str(network)) if facts.is_fast(str(network)) else None,
            restart_with(f"{network}.activation", "leaky_relu", facts, reason),
            restart_with(f"init.{network}", "orthogonal", facts, "its weights begin at another scale"),
            facts.lower_rate(str(network)),
        )
