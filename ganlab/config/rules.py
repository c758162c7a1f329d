"""Checks before a run whether its configuration can run, and collects the reasons if it cannot.

Where possible, behaviour is tested: the networks are built and probed, so that a new component needs no rule of its
own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from ganlab.config.build import build_discriminator, build_generator
from ganlab.config.combinations import RULES, Findings
from ganlab.config.evaluators import naming_train_keys
from ganlab.config.model import shapes_of
from ganlab.config.settings import Settings
from ganlab.errors import UserError
from ganlab.evaluation.features import Features
from ganlab.networks import DISCRIMINATORS, GENERATORS, DiscriminatorModule


def check(settings: Settings) -> Findings:
    """Checks resolved ``settings`` with all rules. Nothing is written, and data is only checked to exist."""
    findings = Findings()
    for available in (settings.runtime.resolve, settings.data.check):
        try:
            available()
        except UserError as error:
            findings.refusals.append(str(error))
    features = getattr(settings.evaluation, "features", None)
    if isinstance(features, Features):
        try:
            with naming_train_keys():
                features.check(settings.data.class_count > 1)
        except UserError as error:
            findings.refusals.append(str(error))
    discriminator = _networks_fit(settings, findings)
    for rule in RULES:
        rule(settings, discriminator, findings)
    return findings


def _networks_fit(settings: Settings, findings: Findings) -> DiscriminatorModule | None:
    """Builds both networks, which fails if an image size or a norm does not fit; returns D."""
    discriminator = None
    shapes = shapes_of(settings)
    if settings.condition.needs_labels and not shapes.classes:  # which a rule reports, once
        shapes = replace(shapes, classes=2, wiring=settings.condition.wiring)
    with _refused(findings, "generator", GENERATORS.name_of(settings.generator)):
        build_generator(settings, shapes)
    with _refused(findings, "discriminator", DISCRIMINATORS.name_of(settings.discriminator)):
        discriminator = build_discriminator(settings)
    # Both networks refuse an image size with the same reason, which is reported once.
    reasons = {refusal.partition(": ")[2]: refusal for refusal in reversed(findings.refusals)}
    findings.refusals = list(reversed(reasons.values()))
    return discriminator


@contextmanager
def _refused(findings: Findings, network: str, name: str) -> Iterator[None]:
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not any(word in str(error) for word in ("memory", "overflow", "Storage size", "dimension")):
            raise
        # raised by PyTorch's allocator, or for a shape beyond its range
        findings.refusals.append(f"{network}: it needs more memory than this machine has; type smaller widths or sizes")
    except ValueError as error:
        findings.refusals.append(f"{network}={name}: {error}")
