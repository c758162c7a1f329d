"""Rules on conditions and the data, networks and regularizers that they need."""

from __future__ import annotations

from ganlab.conditions import CONDITIONS
from ganlab.config.combinations.findings import Findings, layer_of
from ganlab.config.settings import Settings
from ganlab.networks import GENERATORS, NORMS, DiscriminatorModule


def conditions_have_inputs(settings: Settings, discriminator: DiscriminatorModule | None, findings: Findings) -> None:
    """Refuses a condition or a regularizer whose labels or images the data does not provide."""
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
    lacking = [name for name in condition.heads if name not in settings.data.label_sets]
    if lacking:
        provided = ", ".join(settings.data.label_sets) or "none"
        findings.refusals.append(
            f"condition.heads={lacking[0]} needs labels '{lacking[0]}', and this data provides {provided}; type "
            "condition.heads=[], or data=glyph_pairs, which has labels of font and character"
        )
    paired = [key for key, one in settings.regularizer.items() if one.needs_sources]
    if paired and not condition.sources:
        findings.refusals.append(
            f"regularizer={paired[0]} with condition={name}: it compares a generated image with the real image of the "
            "same source, and there are no sources; type condition=image"
        )


def terms_have_what_they_compare(
    settings: Settings, discriminator: DiscriminatorModule | None, findings: Findings
) -> None:
    """Refuses terms of codes, of heads on codes, and of a classifier's features, where there are none."""
    generator, name = settings.generator, GENERATORS.name_of(settings.generator)
    trained = ""
    for key, term in settings.regularizer.items():
        if term.needs_codes and not getattr(generator, "has_codes", False):
            findings.refusals.append(
                f"regularizer={key} with generator={name}: it compares codes of G's encoders, and this one has none; "
                "type generator=wnet"
            )
        if term.trains_encoder_heads:
            trained = key
            if not getattr(generator, "heads", False):
                what = "type generator.heads=true" if getattr(generator, "has_codes", False) else "type generator=wnet"
                findings.refusals.append(
                    f"regularizer={key} with generator={name}, whose encoders have no heads to train; {what}"
                )
        network = term.feature_network
        if network is not None and network.network == "classifier" and settings.data.class_count < 2:
            findings.refusals.append(
                f"regularizer={key} compares features of a classifier of the data's classes, and this data has none; "
                "type regularizer.perceptual.network=vgg16"
            )
    if getattr(generator, "heads", False) and not trained:
        findings.advise(
            "generator.heads=true without regularizer=[encoder_classifier], which alone trains these heads; type "
            "generator.heads=false, or add encoder_classifier to regularizer"
        )


def labels_reach_the_generator(
    settings: Settings, discriminator: DiscriminatorModule | None, findings: Findings
) -> None:
    """Refuses a condition by the norm of G if that norm has no scales per class."""
    condition = settings.condition
    name = CONDITIONS.name_of(condition)
    if condition.by_norm and not layer_of(settings, "generator").conditional:
        findings.refusals.append(
            f"condition={name} gives G the class by its norm, and "
            f"norm.generator.layer={NORMS.name_of(layer_of(settings, 'generator'))} has no scales per class; type "
            "norm.generator.layer=conditional_batch, or condition.generator=concat"
        )


def heads_are_trained(settings: Settings, discriminator: DiscriminatorModule | None, findings: Findings) -> None:
    """Refuses a class loss without a class head, and advises against a class head without a loss."""
    condition = settings.condition
    name = CONDITIONS.name_of(condition)
    trained = {one.trains_head: key for key, one in settings.regularizer.items() if one.trains_head}
    has_head = condition.wiring.discriminator == "class" or bool(condition.heads)
    if "class" in trained and not has_head:
        remedy = (
            "condition.heads=[LABEL] with a label of the data, or leave the regularizer out"
            if condition.sources
            else "condition=auxiliary"
        )
        findings.refusals.append(
            f"regularizer={trained['class']} with condition={name}, whose D has no class head to train; type {remedy}"
        )
    if has_head and "class" not in trained:
        findings.advise(
            f"condition={name} without regularizer.auxiliary_classifier, which alone trains its class head; leave "
            "regularizer=… as it was, or add auxiliary_classifier to it"
        )
