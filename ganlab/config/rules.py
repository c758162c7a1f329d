"""Rules about combinations: what cannot train is refused before it starts, with the reason and what to type instead.

Where behaviour can decide, it does: D is built and asked, so that a new component needs no rule of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from ganlab.config.build import build_discriminator, build_generator
from ganlab.config.settings import NetworkNorm, Settings
from ganlab.errors import UserError
from ganlab.losses import Targets
from ganlab.networks import DISCRIMINATORS, GENERATORS, NORMS, PARAMETRIZATIONS, DiscriminatorModule
from ganlab.networks.norms import BatchNorm
from ganlab.training.constraints import WeightClipping


@dataclass
class Verdict:
    """``refusals`` keep the configuration from running; ``warnings`` are told and it runs."""

    refusals: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def judge(settings: Settings) -> Verdict:
    """What speaks against resolved ``settings``. Nothing is written, and no data is read but to see that it is
    there."""
    verdict = Verdict()
    for available in (settings.runtime.resolve, settings.data.check):
        try:
            available()
        except UserError as error:
            verdict.refusals.append(str(error))
    discriminator = _networks_fit(settings, verdict)
    for rule in RULES:
        rule(settings, discriminator, verdict)
    return verdict


def _networks_fit(settings: Settings, verdict: Verdict) -> DiscriminatorModule | None:
    """Size × strides, and norms where they make no sense: building says so."""
    discriminator = None
    try:
        build_generator(settings)
    except (RuntimeError, MemoryError):  # PyTorch's allocator, or a shape beyond its range
        verdict.refusals.append("generator: it needs more memory than this machine has; type smaller widths or sizes")
    except ValueError as error:
        verdict.refusals.append(f"generator={GENERATORS.name_of(settings.generator)}: {error}")
    try:
        discriminator = build_discriminator(settings)
    except (RuntimeError, MemoryError):
        verdict.refusals.append(
            "discriminator: it needs more memory than this machine has; type smaller widths or sizes"
        )
    except ValueError as error:
        verdict.refusals.append(f"discriminator={DISCRIMINATORS.name_of(settings.discriminator)}: {error}")
    # Both say the same of an image's size.
    reasons = {refusal.partition(": ")[2]: refusal for refusal in reversed(verdict.refusals)}
    verdict.refusals = list(reversed(reasons.values()))
    return discriminator


def penalties_are_per_sample(settings: Settings, discriminator: DiscriminatorModule | None, verdict: Verdict) -> None:
    terms = [name for name, term in settings.regularizer.items() if term.per_sample]
    if not terms or discriminator is None or not discriminator.mixes_samples:
        return
    norm = settings.norm.discriminator
    without_norm = replace(
        settings, norm=replace(settings.norm, discriminator=NetworkNorm(NORMS["none"](), norm.weight))
    )
    subject = f"regularizer={terms[0]}, which is defined for each judged sample alone"
    if build_discriminator(without_norm).mixes_samples:
        verdict.warnings.append(
            f"{subject}: this discriminator compares the images of a batch; published recipes do so (Karras et al. "
            "2018), but the penalty is an approximation then"
        )
    else:
        assert norm.layer != "auto"
        verdict.refusals.append(
            f"norm.discriminator.layer={NORMS.name_of(norm.layer)} cannot go with {subject}, and this norm makes an "
            "image's gradient depend on the others in its batch (Gulrajani et al. 2017, section 4); type norm=layer, "
            "norm=instance, norm=spectral or norm=none"
        )


def targets_need_a_loss_that_has_them(
    settings: Settings, discriminator: DiscriminatorModule | None, verdict: Verdict
) -> None:
    if settings.targets != Targets() and not settings.loss.has_targets:
        changed = [
            f"targets.{name}={value:g}"
            for name, value, plain in (
                ("real", settings.targets.real, Targets().real),
                ("fake", settings.targets.fake, Targets().fake),
            )
            if value != plain
        ]
        verdict.refusals.append(
            f"{' '.join(changed)} (label smoothing) with a {type(settings.loss).__name__} loss, whose D is told no "
            "probabilities that could be smoothed; type loss=bce, or leave the smoothing out"
        )


def batch_norm_needs_a_batch(settings: Settings, discriminator: DiscriminatorModule | None, verdict: Verdict) -> None:
    for network in ("generator", "discriminator"):
        if settings.batch_size == 1 and isinstance(getattr(settings.norm, network).layer, BatchNorm):
            verdict.refusals.append(
                f"batch_size=1 with norm.{network}.layer=batch, which needs images to average over; type batch_size=2 "
                f"or more, or norm.{network}.layer=instance"
            )


def clipping_needs_plain_weights(
    settings: Settings, discriminator: DiscriminatorModule | None, verdict: Verdict
) -> None:
    weight = PARAMETRIZATIONS.name_of(settings.norm.discriminator.weight)
    if isinstance(settings.constraint, WeightClipping) and weight != "none":
        verdict.refusals.append(
            f"constraint=weight_clipping with norm.discriminator.weight={weight}, which rescales what was clipped, so "
            "that the bound means nothing; type constraint=none or norm.discriminator.weight=none"
        )


RULES: tuple[Callable[[Settings, DiscriminatorModule | None, Verdict], None], ...] = (
    penalties_are_per_sample,
    targets_need_a_loss_that_has_them,
    batch_norm_needs_a_batch,
    clipping_needs_plain_weights,
)
