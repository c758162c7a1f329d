"""Rules on combinations of settings, one per function. A refusal states what was found, why it cannot work, and what
to type instead."""

from __future__ import annotations

from collections.abc import Callable

from ganlab.config.combinations.augmentations import augmentations_fit
from ganlab.config.combinations.batches import batches_can_be_cut, ranks_train_together
from ganlab.config.combinations.conditions import (
    conditions_have_inputs,
    heads_are_trained,
    labels_reach_the_generator,
    terms_have_what_they_compare,
)
from ganlab.config.combinations.diagnosis import verdicts_can_be_followed
from ganlab.config.combinations.findings import Findings
from ganlab.config.combinations.losses import logits_have_no_sigmoid, targets_need_probabilities
from ganlab.config.combinations.parametrizations import parametrizations_and_initializers_agree
from ganlab.config.combinations.penalties import (
    clipping_needs_plain_weights,
    critics_need_a_constraint,
    penalties_are_per_sample,
    weight_penalties_need_a_scale,
)
from ganlab.config.settings import Settings
from ganlab.networks import DiscriminatorModule

RULES: tuple[Callable[[Settings, DiscriminatorModule | None, Findings], None], ...] = (
    penalties_are_per_sample,
    targets_need_probabilities,
    batches_can_be_cut,
    conditions_have_inputs,
    terms_have_what_they_compare,
    labels_reach_the_generator,
    heads_are_trained,
    clipping_needs_plain_weights,
    weight_penalties_need_a_scale,
    parametrizations_and_initializers_agree,
    logits_have_no_sigmoid,
    critics_need_a_constraint,
    ranks_train_together,
    augmentations_fit,
    verdicts_can_be_followed,
)

__all__ = ["RULES", "Findings"]
