"""The facts of a run's settings on which verdicts and their advice depend."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ganlab.diagnosis.verdicts.records import Advice

USUAL_RATE, USUAL_RATE_OF_CRITICS = 2e-4, 1e-4
"""Learning rates that train with Adam: Radford et al. 2016, section 4, and Gulrajani et al. 2017, Algorithm 1."""
BOUNDARIES = {"bce": 0.0, "minimax": 0.0, "hinge": 0.0, "lsgan": 0.5}
"""The logit halfway between the targets of reals and of fakes, by loss; the others have none."""
SCALES = {"bce": 1.0, "minimax": 1.0, "hinge": 1.0, "lsgan": 0.5, "relativistic": 1.0}
"""The distance of a logit from the boundary at which a sample counts as clearly on one side, by loss."""


CHANCE = {"bce": math.log(4), "minimax": math.log(4), "hinge": 2.0, "lsgan": 0.25}
"""D's loss if it gives every image the logit of the boundary, by loss."""

TARGETS = {"real": 1.0, "fake": 0.0, "noise": 0.0, "flip": 0.0}
"""The targets of D's outputs that all losses allow."""


@dataclass(frozen=True)
class Facts:
    """The plain configuration of a run, as in config.yaml; what it does not say is None."""

    settings: Mapping[str, Any]

    def get(self, key: str) -> Any:
        """Returns the value at a full key such as ``optimizer.generator.lr``; None if there is none."""
        node: Any = self.settings
        for part in key.split("."):
            node = node.get(part) if isinstance(node, Mapping) else None
        return node

    def name(self, key: str) -> str:
        """Returns the name of a component: its bare name, or that among its settings; empty if there is none."""
        found = self.get(key)
        found = found.get("name") if isinstance(found, Mapping) else found
        return found if isinstance(found, str) else ""

    def number(self, key: str, default: float | None = None) -> float | None:
        """Returns a finite number; of a schedule its start."""
        found = self.get(key)
        found = found.get("start") if isinstance(found, Mapping) else found
        if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
            return default
        return float(found)

    @property
    def loss(self) -> str:
        """The name of the loss."""
        return self.name("loss")

    @property
    def is_critic(self) -> bool:
        """Whether D is a Wasserstein critic, which must be 1-Lipschitz."""
        return self.loss == "wasserstein"

    @property
    def boundary(self) -> float | None:
        """The logit between reals and fakes, None for a loss that has none."""
        return BOUNDARIES.get(self.loss)

    @property
    def chance(self) -> float | None:
        """D's loss if it guesses, None for a critic."""
        if self.loss == "relativistic":
            return math.log(2) if self.get("loss.form") != "average" else math.log(4)
        return CHANCE.get(self.loss)

    @property
    def are_points(self) -> bool:
        """Whether the data are points of the plane, which augmentations of images do not fit."""
        return self.name("data") in ("ring", "grid", "swiss_roll")

    @property
    def usual_rate(self) -> float:
        """The learning rate that is usual for this loss, with Adam."""
        return USUAL_RATE_OF_CRITICS if self.is_critic else USUAL_RATE

    @property
    def planned_images(self) -> float | None:
        """The number of reals that D draws in the whole run, as far as the settings say."""
        steps, batch = self.number("steps"), self.number("batch_size")
        return (
            None if steps is None or batch is None else steps * batch * (self.number("schedule.n_critic", 1.0) or 1.0)
        )

    @property
    def mixes_samples(self) -> bool:
        """Whether D's norm compares the images of a batch, so that penalties on each sample do not fit."""
        return self.name("norm.discriminator.layer") in ("batch", "sync_batch", "conditional_batch")

    @property
    def modes(self) -> int | None:
        """The number of modes of the data where the settings say it."""
        side, modes = self.number("data.side"), self.number("data.modes")
        if self.name("data") == "grid" and side:
            return int(side) ** 2
        return int(modes) if self.name("data") == "ring" and modes else None

    def rate(self, network: str) -> float | None:
        """Returns the learning rate of a network."""
        return self.number(f"optimizer.{network}.lr")

    def has(self, group: str, name: str) -> bool:
        """Whether a regularizer or an augmentation is set."""
        found = self.get(group)
        return isinstance(found, Mapping) and found.get(name) is not None

    # ------------------------------------------------------------------------------------------------ what to try

    def lower_rate(self, network: str, factor: float = 4.0) -> Advice | None:
        """Returns advice for a lower rate of a network: the usual one if its own is far above, else a ``factor``
        lower."""
        rate = self.rate(network)
        if not rate:
            return None
        usual = self.usual(network)
        new = usual if rate > 2 * usual else rate / factor
        return Advice((f"optimizer.{network}.lr={new:.3g}",), f"its rate is {rate:.3g}")

    def higher_rate(self, network: str, factor: float = 4.0) -> Advice | None:
        """Returns advice for a higher rate of a network: the usual one if its own is far below, else a ``factor``
        higher."""
        rate = self.rate(network)
        if rate is None:
            return None
        usual = self.usual(network)
        new = usual if rate < usual / 2 else rate * factor
        return Advice((f"optimizer.{network}.lr={new:.3g}",), f"its rate is {rate:.3g}")

    def is_fast(self, network: str) -> bool:
        """Whether the rate of a network is more than five times the usual one, and more than the other's."""
        rate, other = self.rate(network), self.rate(_other(network))
        return rate is not None and rate > 5 * self.usual(network) and (other is None or rate >= other)

    def is_slow(self, network: str) -> bool:
        """Whether the rate of a network is less than a fifth of the usual one."""
        rate, usual = self.rate(network), self.usual_rate
        usual *= 50 if self.name(f"optimizer.{network}") == "sgd" else 1
        return rate is not None and rate < usual / 5

    def saturating(self) -> Advice | None:
        """Returns advice against the saturating loss of G (Goodfellow et al. 2014, section 3)."""
        reason = "G's saturating loss has no gradient where D is sure"
        return Advice(("loss=bce",), reason) if self.loss == "minimax" else None

    def slope_penalty(self, reason: str) -> Advice | None:
        """Returns advice for a penalty on D's slope, where there is none and D's norm allows it."""
        if self.mixes_samples or any(self.has("regularizer", one) for one in ("r1", "r2", "gradient_penalty")):
            return None
        reason = f"a penalty on D's slope {reason} (Mescheder et al. 2018)"
        return Advice((f"regularizer.r1={self._slope_weight()}",), reason)

    def relativistic(self, reason: str) -> Advice | None:
        """Returns advice for the relativistic loss with penalties on D's slope (Huang et al. 2024, R3GAN), where D's
        norm allows them."""
        slope = self.slope_penalty(reason)
        moved = any(self.number(f"targets.{key}", value) != value for key, value in TARGETS.items())
        if slope is None or moved or self.loss not in ("bce", "minimax", "hinge", "lsgan"):
            return None
        weight = self._slope_weight()
        words = ("loss=relativistic", f"regularizer.r1={weight}", f"regularizer.r2={weight}")
        return Advice(words, f"D compares reals with fakes, which {reason} (Huang et al. 2024)")

    def _slope_weight(self) -> str:
        """Returns the weight of a penalty on D's slope. The published 10 is for faces at 256×256: on points and small
        images it flattens D (Karras et al. 2020, ADA, let it grow with the number of pixels)."""
        size = self.get("data.size")
        side = size if isinstance(size, int | float) else 0
        if self.are_points:
            return "{weight:0.1}"
        return "{weight:1}" if 0 < side <= 64 else "{}"

    def small_weights(self) -> Advice | None:
        """Returns advice for He's initializer where weights of one small standard deviation, 0.02 (Radford et al. 2016,
        section 4), meet no norm: the signal shrinks with each layer (He et al. 2015, section 2.2)."""
        words = [
            f"init.{network}=he"
            for network in ("generator", "discriminator")
            if self.name(f"init.{network}") in ("normal", "truncated_normal")
            and (self.number(f"init.{network}.std") or 1.0) <= 0.02
            and self.name(f"norm.{network}.layer") == self.name(f"norm.{network}.weight") == "none"
        ]
        reason = "weights of 0.02 without a norm let the signal shrink with each layer (He et al. 2015)"
        return Advice(tuple(words), reason, restart=True) if words else None

    def instance_noise(self) -> Advice | None:
        """Returns advice for noise on what D sees, where there is none."""
        if self.has("augment", "instance_noise"):
            return None
        return Advice(
            ("augment.instance_noise={std:0.5}",), "noise makes reals and fakes overlap (Sønderby et al. 2017)"
        )

    def fewer_updates(self) -> Advice | None:
        """Returns advice for one update of D in a step, where it has more."""
        updates = self.number("schedule.n_critic", 1.0) or 1.0
        if self.is_critic or updates <= 1:
            return None
        return Advice(("schedule.n_critic=1",), f"D has {updates:.0f} updates for each of G")

    def lipschitz(self) -> Advice | None:
        """Returns advice for what keeps a critic's slope near 1: a gradient penalty, or clipped weights where D's norm
        does not allow one, or a stronger penalty."""
        weight = self.number("regularizer.gradient_penalty.weight")
        if weight is not None:
            return (
                Advice(("regularizer.gradient_penalty.weight=10",), f"its weight is {weight:g}")
                if weight < 10
                else None
            )
        plain = () if self.name("constraint") in ("", "none") else ("constraint=none",)
        if not self.mixes_samples:
            reason = "it keeps the critic's slope at 1 (Gulrajani et al. 2017)"
            return Advice(("regularizer.gradient_penalty={}", *plain), reason)
        if plain:
            return None
        return Advice(("constraint=weight_clipping",), "it bounds the critic's slope (Arjovsky et al. 2017)")

    def usual(self, network: str) -> float:
        """Returns the usual rate, or that of the other network if it is within a factor of 30 of it: small networks and
        plain gradient descent train with higher ones."""
        other, usual = self.rate(_other(network)), self.usual_rate
        if self.name(f"optimizer.{network}") == "sgd":
            usual *= 50
        return other if other is not None and usual / 3 <= other <= 30 * usual else usual


def _other(network: str) -> str:
    return "discriminator" if network == "generator" else "generator"


def best_of(*advice: Advice | None, most: int = 2) -> tuple[Advice, ...]:
    """Returns the first advices that apply, at most ``most``, without those that an earlier one
    contains."""
    found: list[Advice] = []
    for one in advice:
        if one is not None and not any(set(one.overrides) <= set(other.overrides) for other in found):
            found.append(one)
    return tuple(found[:most])
