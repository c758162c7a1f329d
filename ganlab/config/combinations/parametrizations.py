"""Rules on weight parametrizations and initializers."""

from __future__ import annotations

from ganlab.config.combinations.findings import NETWORKS, Findings, initializer_of, weight_of
from ganlab.config.settings import Settings
from ganlab.initializers import INITIALIZERS
from ganlab.networks import PARAMETRIZATIONS, DiscriminatorModule


def parametrizations_and_initializers_agree(
    settings: Settings, discriminator: DiscriminatorModule | None, findings: Findings
) -> None:
    """Refuses weights of 0 that would be divided by their norm, and advises against a scale that is missing or counts
    twice."""
    for network in NETWORKS:
        weight, chosen = weight_of(settings, network), initializer_of(settings, network)
        initializer = INITIALIZERS.name_of(chosen)
        name = PARAMETRIZATIONS.name_of(weight)
        if chosen.zeroes_layers and weight.needs_direction:
            findings.refusals.append(
                f"init.{network}={initializer} with norm.{network}.weight={name}: it starts some weights at 0, and "
                f"this parametrization divides by their norm, so that they could not be trained; type "
                f"norm.{network}.weight=none or another initializer, such as init.{network}=orthogonal"
            )
        if weight.initializer not in (None, initializer) and not chosen.undoes_scale:
            findings.advise(
                f"norm.{network}.weight={name} with init.{network}={initializer}: it scales weights from N(0, 1) at "
                "run time (Karras et al. 2018), so another scale would count twice; type "
                f"init.{network}={weight.initializer}"
            )
        for other, setting in PARAMETRIZATIONS.items():
            if setting.initializer == initializer and other != name:
                findings.advise(
                    f"init.{network}={initializer} with norm.{network}.weight={name}: its weights from N(0, 1) need "
                    f"the scale at run time that norm.{network}.weight={other} gives; type that, or another initializer"
                )
