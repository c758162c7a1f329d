"""Rules on augmentation."""

from __future__ import annotations

from ganlab.config.combinations.findings import Findings
from ganlab.config.model import shapes_of
from ganlab.config.settings import Settings
from ganlab.networks import DiscriminatorModule


def augmentations_fit(settings: Settings, discriminator: DiscriminatorModule | None, findings: Findings) -> None:
    """Refuses an augmentation that these images or this loss do not provide for."""
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
