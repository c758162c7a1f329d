"""The results of the rules, and what most of them read."""

from __future__ import annotations

from dataclasses import dataclass, field

from ganlab.config.settings import Settings
from ganlab.layer import Initializer
from ganlab.networks import Norm, WeightSetting

NETWORKS = ("generator", "discriminator")


@dataclass
class Findings:
    """The results of all rules. ``refusals`` prevent a run. Those of them that are in ``advice`` can be lifted by
    ``rules=warn``: the run can be computed, and theory or published results speak against it; the others cannot be
    computed, or contain a setting without effect. ``warnings`` are logged, and the run starts."""

    refusals: list[str] = field(default_factory=list)
    advice: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def advise(self, refusal: str) -> None:
        """Adds a refusal that can be lifted."""
        self.refusals.append(refusal)
        self.advice.append(refusal)

    def lift(self) -> None:
        """Turns the refusals that can be lifted into warnings."""
        self.refusals = [one for one in self.refusals if one not in self.advice]
        self.warnings += [f"rules=warn: {one}" for one in self.advice]


def layer_of(settings: Settings, network: str) -> Norm:
    """Returns the activation norm of a network."""
    layer = getattr(settings.norm, network).layer
    assert layer != "auto", "resolved by the configuration"
    norm: Norm = layer
    return norm


def weight_of(settings: Settings, network: str) -> WeightSetting:
    """Returns the weight parametrization of a network."""
    weight = getattr(settings.norm, network).weight
    assert weight != "auto", "resolved by the configuration"
    setting: WeightSetting = weight
    return setting


def initializer_of(settings: Settings, network: str) -> Initializer:
    """Returns the initializer of a network."""
    initializer = getattr(settings.init, network)
    assert initializer != "auto", "resolved by the configuration"
    chosen: Initializer = initializer
    return chosen
