"""What ``auto`` comes to: values that depend on the loss, or on the architecture."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ganlab.config.settings import Settings
from ganlab.networks import NORMS


def resolve(settings: Settings) -> tuple[Settings, dict[str, Any]]:
    """The settings with no ``auto`` left, and what was chosen, by full key. A typed value is never replaced."""
    recommended = settings.loss.recommended
    chosen: dict[str, Any] = {}

    def choose(component: Any, field: str, key: str, word: Any, value: Any = None) -> Any:
        """``component`` with ``field`` set where it is auto; ``word`` is what a person would type for it."""
        if getattr(component, field) != "auto":
            return component
        chosen[f"{key}.{field}"] = word
        return replace(component, **{field: word if value is None else value})

    norm = settings.norm
    for_discriminator = settings.discriminator.preferred_norm or recommended.discriminator_norm
    norm = replace(
        norm,
        generator=choose(norm.generator, "layer", "norm.generator", "batch", NORMS["batch"]()),
        discriminator=choose(
            norm.discriminator, "layer", "norm.discriminator", for_discriminator, NORMS[for_discriminator]()
        ),
    )
    schedule = settings.schedule
    if hasattr(schedule, "n_critic"):
        schedule = choose(schedule, "n_critic", "schedule", recommended.n_critic)
    optimizer = settings.optimizer
    for network in ("generator", "discriminator"):
        one = getattr(optimizer, network)
        for field, value in (("lr", recommended.learning_rate), ("betas", recommended.betas)):
            if hasattr(one, field):
                one = choose(one, field, f"optimizer.{network}", value)
        optimizer = replace(optimizer, **{network: one})
    return replace(settings, norm=norm, schedule=schedule, optimizer=optimizer), chosen
