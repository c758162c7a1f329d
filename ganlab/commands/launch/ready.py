"""Checks, before a run starts, its images and the checkpoint that it goes on from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from ganlab.conditions import CONDITIONS
from ganlab.config import Settings
from ganlab.config.build import build_discriminator, build_generator
from ganlab.data import ImageSet, Source
from ganlab.data.feed import need_a_batch
from ganlab.errors import UserError, in_one_line
from ganlab.evaluation.features import Features
from ganlab.networks import parametrize
from ganlab.run_folder import RunFolder
from ganlab.training import checkpoint

LONGEST_REASON = 300  # letters of PyTorch's list of what does not fit


class AlreadyDone(UserError):
    """The run to go on with has done all its steps."""


def open_data(source: Source, cache: str | None = None) -> ImageSet:
    """Opens the images of a source. The last set is kept from the check to the run, and between the jobs of a sweep."""
    image_set = _opened(source, cache)
    source.settle(image_set)  # another object with the same settings may have been opened
    return image_set


@lru_cache(maxsize=1)
def _opened(source: Source, cache: str | None) -> ImageSet:
    return source.open(Path(cache) if cache else None)


def ready(settings: Settings, resume: RunFolder | None) -> dict[str, Any] | None:
    """Checks everything that depends on files: the data, and the state of the run to go on with, which is returned.
    None if there is no such run, or if it has no checkpoint yet and begins again. Raises UserError."""
    image_set = open_data(settings.data, settings.runtime.cache)
    need_a_batch(image_set, settings.batch_size)
    _need_labels(settings, image_set)
    for observer in settings.logging.chosen_observers.values():
        observer.check()
    if resume is not None and not os.access(resume.path, os.W_OK):
        raise UserError(f"{resume.path}: nothing can be written there; copy the folder and resume the copy")
    if resume is None or not checkpoint.exists(resume.checkpoints):
        for initializer in (settings.init.generator, settings.init.discriminator):
            assert initializer != "auto", "resolved by the configuration"
            initializer.check()
        return None
    path, state = checkpoint.newest(resume.checkpoints)
    if not _is_complete(state):
        raise UserError(f"{path} lacks a part of what a run needs to go on; delete it and resume again")
    if state["step"] >= settings.steps:
        raise AlreadyDone(
            f"{resume.path} has done {state['step']:,} steps; type steps={2 * state['step']} to go on to twice as many"
        )
    _need_the_same_classes(settings, image_set, state, resume)
    try:
        for name, build in (("generator", build_generator), ("discriminator", build_discriminator)):
            network = build(settings)
            parametrize(network, getattr(settings.norm, name).weight)
            network.load_state_dict(state[name]["network"])
    except (RuntimeError, KeyError, TypeError) as error:  # PyTorch's own list of names and shapes
        _need_the_same_shape(settings, state, resume)
        reason = in_one_line(error)
        reason = reason if len(reason) <= LONGEST_REASON else f"{reason[:LONGEST_REASON]}…"
        raise UserError(f"{resume.path}: its checkpoint does not fit its config.yaml ({reason})") from error
    return state


def _need_labels(settings: Settings, image_set: ImageSet) -> None:
    """Raises UserError where the images that can be read have no classes, and something needs them."""
    if settings.condition.needs_labels and not image_set.classes:
        reasons = [note for note in image_set.notes if "classes" in note]
        raise UserError(
            f"condition={CONDITIONS.name_of(settings.condition)} needs labels, and the images that can be read have "
            f"none{f' ({reasons[-1]})' if reasons else ''}; type condition=none, or repair the others"
        )
    if isinstance(features := getattr(settings.evaluation, "features", None), Features):
        features.check(settings.data.class_count > 1)


def _need_the_same_classes(
    settings: Settings, image_set: ImageSet, state: Mapping[str, Any], resume: RunFolder
) -> None:
    """Raises UserError where a conditional run was trained on other classes than the data has now."""
    model = state.get("model")
    trained_on = model.get("class_names") if isinstance(model, dict) else None
    trained_on = trained_on if isinstance(trained_on, list) else []
    if settings.condition.needs_labels and trained_on and trained_on != list(image_set.classes):
        raise UserError(
            f"{resume.path} was trained on the classes {', '.join(map(str, trained_on[:12]))}, and now there are "
            f"{', '.join(image_set.classes[:12])}; type data.root=… for the data as it was"
        )


def _need_the_same_shape(settings: Settings, state: Mapping[str, Any], resume: RunFolder) -> None:
    """Raises UserError where a run was trained on images of another shape than the data has now: the reason why the
    networks do not fit."""
    model = state.get("model")
    before, now = model.get("image_shape") if isinstance(model, dict) else None, settings.data.image_shape
    if isinstance(before, list | tuple) and tuple(before) != now:
        shapes = ["×".join(map(str, shape)) for shape in (before, now)]
        raise UserError(
            f"{resume.path}: it was trained on images of {shapes[0]}, and these are of {shapes[1]}; its networks keep "
            "their shape. Leave the size and the channels of data as they were, or begin a new run with the weights "
            f"that fit: init=pretrained init.generator.path={resume.path} init.discriminator.path={resume.path}"
        )


def _is_complete(state: dict[str, Any]) -> bool:
    """Whether the content of a checkpoint has the form that a trainer saves."""
    counts = [state.get("step"), state.get("drawn")]
    learners = [state.get("generator"), state.get("discriminator")]
    return (
        all(isinstance(count, int) and count >= 0 for count in counts)
        and isinstance(state.get("meter"), dict)
        and {"sums", "counts"} <= state["meter"].keys()
        and all(
            isinstance(learner, dict)
            and {"updates", "network", "optimizer", "average", "scaler"} <= learner.keys()
            and isinstance(learner["updates"], int)
            for learner in learners
        )
    )
