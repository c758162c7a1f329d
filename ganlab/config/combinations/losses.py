"""Rules on losses, their targets and D's logits."""

from __future__ import annotations

from dataclasses import fields

from ganlab.config.combinations.findings import Findings
from ganlab.config.model import shapes_of
from ganlab.config.settings import Settings
from ganlab.losses import Targets
from ganlab.networks import DISCRIMINATORS, DiscriminatorModule, ends_in_sigmoid


def targets_need_probabilities(
    settings: Settings, discriminator: DiscriminatorModule | None, findings: Findings
) -> None:
    """Refuses targets for a loss without target probabilities, where they would have no effect."""
    has_targets = settings.loss.has_targets or any(
        regularizer.has_targets for regularizer in settings.regularizer.values()
    )
    if has_targets:
        return
    changed = [
        f"targets.{field.name}={getattr(settings.targets, field.name):g}"
        for field in fields(Targets)
        if getattr(settings.targets, field.name) != getattr(Targets(), field.name)
    ]
    if changed:
        findings.refusals.append(
            f"{' '.join(changed)} with a {type(settings.loss).__name__} loss, which has no target probabilities "
            "to smooth, to flip or to add noise to; type loss=bce, or condition=auxiliary, whose class head has "
            "targets, or leave it out"
        )


def logits_have_no_sigmoid(settings: Settings, discriminator: DiscriminatorModule | None, findings: Findings) -> None:
    """Advises against a D that ends in a sigmoid."""
    if discriminator is not None and ends_in_sigmoid(discriminator, shapes_of(settings)):
        findings.advise(
            f"discriminator={DISCRIMINATORS.name_of(settings.discriminator)} ends in a sigmoid: losses here take "
            "logits and apply what they need, and a Wasserstein critic must not be bounded (Arjovsky et al. 2017); "
            "return the logits instead"
        )
