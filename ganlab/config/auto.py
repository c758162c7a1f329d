"""Resolves ``auto``: values that depend on the loss, the data or the architecture."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ganlab.config.settings import NetworkNorm, Settings
from ganlab.data import Source
from ganlab.evaluation import FEATURES
from ganlab.initializers import INITIALIZERS
from ganlab.networks import NORMS, PARAMETRIZATIONS
from ganlab.points import POINT

# An initializer that a weight parametrization needs, such as equalized, needs that parametrization in turn.
PARAMETRIZATIONS_OF = {
    setting.initializer: name for name, setting in PARAMETRIZATIONS.items() if setting.initializer is not None
}


def resolve(settings: Settings) -> tuple[Settings, dict[str, Any]]:
    """Returns the settings without any ``auto``, and the chosen values by full key. A typed value is never replaced."""
    chosen = _Chosen()
    settings = _condition(settings, chosen)
    settings = _norms_and_initializers(settings, chosen)
    settings = _logging_and_evaluation(settings, chosen)
    settings = _schedule_and_optimizers(settings, chosen)
    return settings, chosen.values


class _Chosen:
    """The values that ``auto`` was resolved to, by full key."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}

    def choose(self, component: Any, field: str, key: str, word: Any, value: Any = None, plain: Any = None) -> Any:
        """Returns ``component`` with ``field`` set to ``value`` (by default ``word``) if it is auto. ``word`` is what a
        person would type for it; it is reported unless it is the ``plain`` choice."""
        if getattr(component, field) != "auto":
            return component
        if word != plain:
            self.values[f"{key}.{field}"] = word
        return replace(component, **{field: word if value is None else value})


def _condition(settings: Settings, chosen: _Chosen) -> Settings:
    """Resolves how G receives labels: through its norm if that can be conditional, otherwise as a one-hot vector."""
    condition = settings.condition
    if not hasattr(condition, "generator"):
        return settings
    typed = settings.norm.generator.layer
    by_norm = typed == "auto" or typed.conditional
    condition = chosen.choose(condition, "generator", "condition", "norm" if by_norm else "concat", plain="norm")
    return replace(settings, condition=condition)


def _norms_and_initializers(settings: Settings, chosen: _Chosen) -> Settings:
    """Resolves the norms by the loss and the architecture, and weight parametrizations and initializers by each
    other."""
    for_generator = "conditional_batch" if settings.condition.by_norm else "batch"
    for_discriminator = settings.discriminator.preferred_norm or settings.loss.recommended.discriminator_norm
    # A penalty on each sample alone is not defined with batch norm, even if the loss or network recommends that.
    if for_discriminator == "batch" and any(one.per_sample for one in settings.regularizer.values()):
        for_discriminator = "layer"
    norm, init = settings.norm, settings.init
    for network, layer in (("generator", for_generator), ("discriminator", for_discriminator)):
        own: NetworkNorm = getattr(norm, network)
        initializer = getattr(init, network)
        needs = PARAMETRIZATIONS_OF.get(INITIALIZERS.name_of(initializer)) if initializer != "auto" else None
        needed_by_weight = None if own.weight == "auto" else own.weight.initializer
        weight, start = needs or "none", needed_by_weight or "normal"
        own = chosen.choose(own, "layer", f"norm.{network}", layer, NORMS[layer]())
        own = chosen.choose(own, "weight", f"norm.{network}", weight, PARAMETRIZATIONS[weight](), plain="none")
        init = chosen.choose(init, network, "init", start, INITIALIZERS[start](), plain="normal")
        norm = replace(norm, **{network: own})
    return replace(settings, norm=norm, init=init)


def _logging_and_evaluation(settings: Settings, chosen: _Chosen) -> Settings:
    """Resolves the number of samples and the features of scores by the data."""
    samples = 2048 if settings.data.image_shape == POINT else 64
    logging = chosen.choose(settings.logging, "samples", "logging", samples, plain=64)
    evaluation = settings.evaluation
    if hasattr(evaluation, "features") and evaluation.features == "auto":
        name = features_for(settings.data)
        evaluation = chosen.choose(evaluation, "features", "evaluation", name, FEATURES[name]())
    return replace(settings, logging=logging, evaluation=evaluation)


def _schedule_and_optimizers(settings: Settings, chosen: _Chosen) -> Settings:
    """Resolves n_critic, learning rates and betas by the loss's paper."""
    recommended = settings.loss.recommended
    schedule, optimizer = settings.schedule, settings.optimizer
    if hasattr(schedule, "n_critic"):
        schedule = chosen.choose(schedule, "n_critic", "schedule", recommended.n_critic)
    for network in ("generator", "discriminator"):
        one = getattr(optimizer, network)
        for field, value in (("lr", recommended.learning_rate), ("betas", recommended.betas)):
            if hasattr(one, field):
                one = chosen.choose(one, field, f"optimizer.{network}", value)
        optimizer = replace(optimizer, **{network: one})
    return replace(settings, schedule=schedule, optimizer=optimizer)


def features_for(data: Source) -> str:
    """Returns the name of the feature extractor for a data set: ``pixels``, which are exact, for points, a classifier
    of the data's own classes if there are any, and otherwise Inception, or ``pixels`` if there are no colours that it
    could look at."""
    if data.image_shape == POINT:
        return "pixels"
    if data.class_count > 1:
        return "classifier"
    return "inception" if data.image_shape[0] in (1, 3) else "pixels"
