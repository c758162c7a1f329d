"""What ``auto`` comes to: values that depend on the loss, or on the architecture."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ganlab.config.settings import NetworkNorm, Settings
from ganlab.data import Source
from ganlab.evaluation import FEATURES
from ganlab.initializers import INITIALIZERS
from ganlab.networks import NORMS, PARAMETRIZATIONS
from ganlab.points import POINT

# Initializers that a weight parametrization brings along need it in turn.
PARAMETRIZATIONS_OF = {
    setting.initializer: name for name, setting in PARAMETRIZATIONS.items() if setting.initializer is not None
}


def resolve(settings: Settings) -> tuple[Settings, dict[str, Any]]:
    """The settings with no ``auto`` left, and what was chosen, by full key. A typed value is never replaced."""
    recommended = settings.loss.recommended
    chosen: dict[str, Any] = {}

    def choose(component: Any, field: str, key: str, word: Any, value: Any = None, plain: Any = None) -> Any:
        """``component`` with ``field`` set where it is auto; ``word`` is what a person would type for it, and not worth
        telling where it is ``plain``."""
        if getattr(component, field) != "auto":
            return component
        if word != plain:
            chosen[f"{key}.{field}"] = word
        return replace(component, **{field: word if value is None else value})

    norm, init, condition = settings.norm, settings.init, settings.condition
    if hasattr(condition, "generator"):
        typed = norm.generator.layer
        by_norm = typed == "auto" or typed.conditional
        condition = choose(condition, "generator", "condition", "norm" if by_norm else "concat", plain="norm")
    for_generator = "conditional_batch" if condition.by_norm else "batch"
    per_sample = any(regularizer.per_sample for regularizer in settings.regularizer.values())
    for_discriminator = settings.discriminator.preferred_norm or recommended.discriminator_norm
    # A penalty on each sample alone has no meaning under batch norm, whatever the loss's or the network's paper used.
    if per_sample and for_discriminator == "batch":
        for_discriminator = "layer"
    for network, layer in (("generator", for_generator), ("discriminator", for_discriminator)):
        own: NetworkNorm = getattr(norm, network)
        initializer = getattr(init, network)
        weight = own.weight
        needs = PARAMETRIZATIONS_OF.get(INITIALIZERS.name_of(initializer)) if initializer != "auto" else None
        brings = None if weight == "auto" else weight.initializer
        own = choose(own, "layer", f"norm.{network}", layer, NORMS[layer]())
        own = choose(
            own, "weight", f"norm.{network}", needs or "none", PARAMETRIZATIONS[needs or "none"](), plain="none"
        )
        init = choose(init, network, "init", brings or "normal", INITIALIZERS[brings or "normal"](), plain="normal")
        norm = replace(norm, **{network: own})
    logging = choose(
        settings.logging, "samples", "logging", 2048 if settings.data.image_shape == POINT else 64, plain=64
    )
    evaluation = settings.evaluation
    if hasattr(evaluation, "features") and evaluation.features == "auto":
        name = features_for(settings.data)
        evaluation = choose(evaluation, "features", "evaluation", name, FEATURES[name]())
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
    resolved = replace(
        settings,
        condition=condition,
        norm=norm,
        init=init,
        logging=logging,
        schedule=schedule,
        optimizer=optimizer,
        evaluation=evaluation,
    )
    return resolved, chosen


def features_for(data: Source) -> str:
    """The extractor that suits a data set: exact for points, of its own classes where it has some, otherwise the
    published one."""
    if data.image_shape == POINT:
        return "pixels"
    return "classifier" if data.class_count > 1 else "inception"
