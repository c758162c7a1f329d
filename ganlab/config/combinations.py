"""Rules on combinations of settings, one per function. A refusal states what was found, why it cannot work, and what
to type instead."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace

from ganlab.conditions import CONDITIONS
from ganlab.config.build import build_discriminator
from ganlab.config.model import shapes_of
from ganlab.config.settings import NetworkNorm, Settings
from ganlab.initializers import INITIALIZERS
from ganlab.layer import Initializer
from ganlab.losses import Targets
from ganlab.networks import (
    DISCRIMINATORS,
    NORMS,
    PARAMETRIZATIONS,
    DiscriminatorModule,
    Norm,
    WeightSetting,
    ends_in_sigmoid,
)
from ganlab.networks.minibatch import NoMinibatch
from ganlab.ranks import here
from ganlab.training.constraints import CONSTRAINTS

NETWORKS = ("generator", "discriminator")


@dataclass
class Findings:
    """The results of all rules: ``refusals`` prevent a run; ``warnings`` are logged, and the run starts."""

    refusals: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def _layer(settings: Settings, network: str) -> Norm:
    layer = getattr(settings.norm, network).layer
    assert layer != "auto", "resolved by the configuration"
    norm: Norm = layer
    return norm


def _weight(settings: Settings, network: str) -> WeightSetting:
    weight = getattr(settings.norm, network).weight
    assert weight != "auto", "resolved by the configuration"
    setting: WeightSetting = weight
    return setting


def _initializer(settings: Settings, network: str) -> Initializer:
    initializer = getattr(settings.init, network)
    assert initializer != "auto", "resolved by the configuration"
    chosen: Initializer = initializer
    return chosen


def penalties_are_per_sample(settings: Settings, discriminator: DiscriminatorModule | None, findings: Findings) -> None:
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
    findings.refusals.append(
        f"norm.discriminator.layer={NORMS.name_of(_layer(settings, 'discriminator'))} cannot go with {subject}, and "
        "this norm makes an image's gradient depend on the others in its batch (Gulrajani et al. 2017, section 4); "
        "type norm=layer, norm=instance, norm=spectral or norm=none"
    )


def targets_need_a_head_that_has_them(
    settings: Settings, discriminator: DiscriminatorModule | None, findings: Findings
) -> None:
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
            f"{' '.join(changed)} with a {type(settings.loss).__name__} loss, whose D is told no probabilities that "
            "could be smoothed, noisy or flipped; type loss=bce, or condition=auxiliary, whose class head has targets, "
            "or leave it out"
        )


def batches_can_be_cut(settings: Settings, discriminator: DiscriminatorModule | None, findings: Findings) -> None:
    parts = settings.schedule.microbatches
    pack, ranks = shapes_of(settings).pack, here().count
    step = ranks * parts * pack
    if settings.batch_size % step:
        names = [f"{ranks} ranks"] * (ranks > 1)
        names += [f"schedule.accumulation={parts}"] * (parts > 1) + [f"discriminator.pack={pack}"] * (pack > 1)
        findings.refusals.append(
            f"batch_size={settings.batch_size} with {' and '.join(names)}: a batch must be a multiple of {step}; type "
            f"batch_size={max(settings.batch_size // step, 1) * step}"
        )
        return
    if parts > 1 and (
        _layer(settings, "generator").averages_batch or (discriminator is not None and discriminator.mixes_samples)
    ):
        findings.warnings.append(
            f"schedule.accumulation={parts}: batch norm and minibatch layers look at each part of the batch alone, so "
            "it is not quite the update of the whole batch; with norms that look at one image (layer, group) it is"
        )
    for network, images in (
        ("generator", settings.batch_size // parts),
        ("discriminator", settings.batch_size // parts // pack),
    ):
        layer = _layer(settings, network)
        images //= 1 if layer.averages_ranks else ranks
        if images == 1 and layer.averages_batch:
            findings.refusals.append(
                f"batch_size={settings.batch_size} with norm.{network}.layer={NORMS.name_of(layer)}"
                f" leaves it one image to average over; type batch_size={2 * settings.batch_size} or more, or "
                f"norm.{network}.layer=layer"
            )


def conditions_need_labels_and_listeners(
    settings: Settings, discriminator: DiscriminatorModule | None, findings: Findings
) -> None:
    condition = settings.condition
    name = CONDITIONS.name_of(condition)
    if condition.needs_labels and not settings.data.class_count:
        findings.refusals.append(
            f"condition={name} needs labels, and these images have none; type condition=none, or for your own images "
            "put those of each class into a folder of its own"
        )
    missing = [name for name in condition.sources if name not in settings.data.aligned_shapes]
    if missing:
        provided = ", ".join(settings.data.aligned_shapes) or "none"
        findings.refusals.append(
            f"condition={name} needs an aligned image '{missing[0]}' with each image, and this data provides "
            f"{provided}; type data=digit_pairs, condition.source=… for another name, or condition=none"
        )
    paired = [key for key, one in settings.regularizer.items() if one.needs_sources]
    if paired and not condition.sources:
        findings.refusals.append(
            f"regularizer={paired[0]} with condition={name}: it compares a generated image with the real image of the "
            "same source, and there are no sources; type condition=image"
        )
    if condition.by_norm and not _layer(settings, "generator").conditional:
        findings.refusals.append(
            f"condition={name} gives G the class by its norm, and "
            f"norm.generator.layer={NORMS.name_of(_layer(settings, 'generator'))} has no scales per class; type "
            "norm.generator.layer=conditional_batch, or condition.generator=concat"
        )
    trained = {one.trains_head: key for key, one in settings.regularizer.items() if one.trains_head}
    has_head = condition.wiring.discriminator == "class"
    if "class" in trained and not has_head:
        findings.refusals.append(
            f"regularizer={trained['class']} with condition={name}, whose D has no class head to train; type "
            "condition=auxiliary"
        )
    if has_head and "class" not in trained:
        findings.refusals.append(
            f"condition={name} without regularizer.auxiliary_classifier, which alone trains its class head; leave "
            "regularizer=… as it was, or add auxiliary_classifier to it"
        )


def clipping_needs_plain_weights(
    settings: Settings, discriminator: DiscriminatorModule | None, findings: Findings
) -> None:
    weight = _weight(settings, "discriminator")
    if settings.constraint.bounds_weights and weight.rescales:
        findings.refusals.append(
            f"constraint={CONSTRAINTS.name_of(settings.constraint)} with "
            f"norm.discriminator.weight={PARAMETRIZATIONS.name_of(weight)}, which rescales what was clipped, so that "
            "the bound means nothing; type constraint=none or norm.discriminator.weight=none"
        )


def weight_penalties_need_a_scale(
    settings: Settings, discriminator: DiscriminatorModule | None, findings: Findings
) -> None:
    weight = _weight(settings, "discriminator")
    penalties = [name for name, regularizer in settings.regularizer.items() if regularizer.penalizes_weights]
    if penalties and weight.fixes_scale:
        findings.refusals.append(
            f"regularizer={penalties[0]} with norm.discriminator.weight={PARAMETRIZATIONS.name_of(weight)}, which "
            "divides each weight by its norm, so that a penalty on its size has nothing to shrink (van Laarhoven 2017, "
            "on norms); leave one of them out"
        )


def parametrizations_and_initializers_agree(
    settings: Settings, discriminator: DiscriminatorModule | None, findings: Findings
) -> None:
    for network in NETWORKS:
        weight, chosen = _weight(settings, network), _initializer(settings, network)
        initializer = INITIALIZERS.name_of(chosen)
        name = PARAMETRIZATIONS.name_of(weight)
        if chosen.zeroes_layers and weight.needs_direction:
            findings.refusals.append(
                f"init.{network}={initializer} with norm.{network}.weight={name}: it starts some weights at 0, and "
                f"this parametrization divides by their norm, so that they could never learn; type "
                f"norm.{network}.weight=none or another initializer, such as init.{network}=orthogonal"
            )
        if weight.initializer not in (None, initializer) and not chosen.undoes_scale:
            findings.refusals.append(
                f"norm.{network}.weight={name} with init.{network}={initializer}: it scales weights from N(0, 1) at "
                "run time (Karras et al. 2018), so another scale would count twice; type "
                f"init.{network}={weight.initializer}"
            )
        for other, setting in PARAMETRIZATIONS.items():
            if setting.initializer == initializer and other != name:
                findings.refusals.append(
                    f"init.{network}={initializer} with norm.{network}.weight={name}: its weights from N(0, 1) need "
                    f"the scale at run time that norm.{network}.weight={other} gives; type that, or another initializer"
                )


def logits_have_no_sigmoid(settings: Settings, discriminator: DiscriminatorModule | None, findings: Findings) -> None:
    if discriminator is not None and ends_in_sigmoid(discriminator, shapes_of(settings)):
        findings.refusals.append(
            f"discriminator={DISCRIMINATORS.name_of(settings.discriminator)} ends in a sigmoid: losses here take "
            "logits and apply what they need, and a Wasserstein critic must not be bounded (Arjovsky et al. 2017); "
            "return the logits instead"
        )


def critics_need_a_constraint(
    settings: Settings, discriminator: DiscriminatorModule | None, findings: Findings
) -> None:
    if (
        settings.loss.needs_lipschitz
        and not settings.constraint.bounds_weights
        and not any(regularizer.per_sample for regularizer in settings.regularizer.values())
        and not _weight(settings, "discriminator").fixes_scale
    ):
        findings.warnings.append(
            "nothing keeps this Wasserstein critic 1-Lipschitz, and its loss can grow without bound (Arjovsky et al. "
            "2017, section 3); type loss=wgan_gp, loss=wgan or norm=spectral"
        )


def ranks_train_together(settings: Settings, discriminator: DiscriminatorModule | None, findings: Findings) -> None:
    ranks = here().count
    for network in NETWORKS:
        layer = _layer(settings, network)
        if layer.averages_ranks and ranks == 1:
            findings.warnings.append(
                f"norm.{network}.layer=sync_batch on one rank has nothing to share: it is batch norm"
            )
        if layer.averages_batch and not layer.averages_ranks and ranks > 1:
            findings.warnings.append(
                f"norm.{network}.layer={NORMS.name_of(layer)} on {ranks} ranks averages over each rank's "
                f"{settings.batch_size // ranks} images, and rank 0's statistics are saved; "
                f"norm.{network}.layer=sync_batch averages over the whole batch"
            )
    if ranks > 1 and settings.divergence.rolls_back:
        findings.refusals.append(
            f"divergence=rollback on {ranks} ranks: each would read back what rank 0 writes, perhaps on another "
            "machine; type divergence=stop or divergence=skip"
        )
    if ranks > 1 and getattr(settings.discriminator, "minibatch", NoMinibatch()).compares_samples:
        findings.warnings.append(
            f"discriminator.minibatch on {ranks} ranks compares each rank's {settings.batch_size // ranks} images "
            "among themselves"
        )


def augmentations_fit(settings: Settings, discriminator: DiscriminatorModule | None, findings: Findings) -> None:
    _, height, width = shapes_of(settings).image
    for name, augmentation in settings.augment.items():
        if augmentation.needs_pixels and height == width == 1:
            findings.refusals.append(
                f"augment={name} with points of the plane, which have no height and width to flip, turn or move; leave "
                "it out, or type augment=[instance_noise]"
            )
        if augmentation.needs_boundary and settings.loss.boundary is None:
            findings.refusals.append(
                f"augment={name} with a {type(settings.loss).__name__} loss, which trains only differences of D's "
                f"logits, so that their sign does not show whether D overfits (Karras et al. 2020, section 3); type "
                f"augment.{name}.target=null augment.{name}.p=0.2 for a constant probability, or loss=bce"
            )


RULES: tuple[Callable[[Settings, DiscriminatorModule | None, Findings], None], ...] = (
    penalties_are_per_sample,
    targets_need_a_head_that_has_them,
    batches_can_be_cut,
    conditions_need_labels_and_listeners,
    clipping_needs_plain_weights,
    weight_penalties_need_a_scale,
    parametrizations_and_initializers_agree,
    logits_have_no_sigmoid,
    critics_need_a_constraint,
    ranks_train_together,
    augmentations_fit,
)
