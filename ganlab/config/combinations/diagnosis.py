"""Rules on verdicts."""

from __future__ import annotations

from ganlab.config.combinations.findings import Findings
from ganlab.config.settings import Settings
from ganlab.networks import DiscriminatorModule


def verdicts_can_be_followed(settings: Settings, discriminator: DiscriminatorModule | None, findings: Findings) -> None:
    """Refuses to go back because of a verdict where nothing says how often, and with which rates."""
    if getattr(settings.diagnosis, "on_verdict", "tell") == "rollback" and not settings.divergence.rolls_back:
        findings.refusals.append(
            "diagnosis.on_verdict=rollback without divergence=rollback, which says how often training may go back and "
            "by how much the rates are lowered; type divergence=rollback too"
        )
