"""Rules on penalties and constraints of D."""

from __future__ import annotations

from dataclasses import replace

from ganlab.config.build import build_discriminator
from ganlab.config.combinations.findings import Findings, layer_of, weight_of
from ganlab.config.settings import NetworkNorm, Settings
from ganlab.networks import NORMS, PARAMETRIZATIONS, DiscriminatorModule
from ganlab.networks.minibatch import NoMinibatch
from ganlab.training.constraints import CONSTRAINTS


def penalties_are_per_sample(settings: Settings, discriminator: DiscriminatorModule | None, findings: Findings) -> None:
    """Advises against a penalty on each sample alone with a norm that mixes samples, and warns of minibatch layers."""
    regularizers = [name for name, regularizer in settings.regularizer.items() if regularizer.per_sample]
    if not regularizers or discriminator is None or not discriminator.mixes_samples:
        return
    subject = f"regularizer={regularizers[0]}, which is defined for each judged sample alone"
    own = settings.discriminator
    alone = replace(own, minibatch=NoMinibatch()) if hasattr(own, "minibatch") else own  # type: ignore[type-var]
    norm = settings.norm.discriminator
    without_norm = replace(settings.norm, discriminator=NetworkNorm(NORMS["none"](), norm.weight))
    by_norm = (
        build_discriminator(replace(settings, discriminator=alone)).mixes_samples
        and not build_discriminator(replace(settings, discriminator=alone, norm=without_norm)).mixes_samples
    )
    if not by_norm:
        findings.warnings.append(
            f"{subject}: this discriminator compares the images of a batch; published recipes do so (Karras et al. "
            "2018), but the penalty is an approximation then"
        )
        return
    findings.advise(
        f"norm.discriminator.layer={NORMS.name_of(layer_of(settings, 'discriminator'))} cannot go with {subject}, and "
        "this norm makes an image's gradient depend on the others in its batch (Gulrajani et al. 2017, section 4); "
        "type norm=layer, norm=instance, norm=spectral or norm=none"
    )


def critics_need_a_constraint(
    settings: Settings, discriminator: DiscriminatorModule | None, findings: Findings
) -> None:
    """Warns if nothing bounds the slope of a Wasserstein critic."""
    if (
        settings.loss.needs_lipschitz
        and not settings.constraint.bounds_weights
        and not any(regularizer.per_sample for regularizer in settings.regularizer.values())
        and not weight_of(settings, "discriminator").fixes_scale
    ):
        findings.warnings.append(
            "nothing keeps this Wasserstein critic 1-Lipschitz, and its loss can grow without bound (Arjovsky et al. "
            "2017, section 3); type loss=wgan_gp, loss=wgan or norm=spectral"
        )


def clipping_needs_plain_weights(
    settings: Settings, discriminator: DiscriminatorModule | None, findings: Findings
) -> None:
    """Advises against clipping weights that are rescaled afterwards."""
    weight = weight_of(settings, "discriminator")
    if settings.constraint.bounds_weights and weight.rescales:
        findings.advise(
            f"constraint={CONSTRAINTS.name_of(settings.constraint)} with "
            f"norm.discriminator.weight={PARAMETRIZATIONS.name_of(weight)}, which rescales what was clipped, so that "
            "the bound has no effect; type constraint=none or norm.discriminator.weight=none"
        )


def weight_penalties_need_a_scale(
    settings: Settings, discriminator: DiscriminatorModule | None, findings: Findings
) -> None:
    """Advises against a penalty on the size of weights whose size has no effect."""
    weight = weight_of(settings, "discriminator")
    penalties = [name for name, regularizer in settings.regularizer.items() if regularizer.penalizes_weights]
    if penalties and weight.fixes_scale:
        findings.advise(
            f"regularizer={penalties[0]} with norm.discriminator.weight={PARAMETRIZATIONS.name_of(weight)}, which "
            "divides each weight by its norm, so that a penalty on its size has no effect (van Laarhoven 2017, "
            "on norms); leave one of them out"
        )
