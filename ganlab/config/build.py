"""Builds networks and the trainer from resolved settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import torch

from ganlab import random_streams
from ganlab.config.dump import dump, schedules
from ganlab.config.evaluators import build_evaluator, naming_train_keys, reals_of, rows_of
from ganlab.config.model import shapes_of
from ganlab.config.settings import Settings
from ganlab.data import ImageSet
from ganlab.data.feed import Feed
from ganlab.diagnosis.graph import NetworkGraph
from ganlab.diagnosis.histograms import Histograms
from ganlab.diagnosis.inspection import Inspector
from ganlab.diagnosis.settings import SignalSettings
from ganlab.diagnosis.signals import Classify, Signals, Subject, UpdateLogits
from ganlab.diagnosis.verdicts import Judge
from ganlab.errors import UserError
from ganlab.evaluation import Scoring
from ganlab.evaluation.feature_maps import open_feature_maps
from ganlab.evaluation.scores import Evaluator
from ganlab.image_cache import folder_of
from ganlab.networks import (
    DiscriminatorModule,
    GeneratorModule,
    does_mix_samples,
    parametrize,
    uninitialized,
    use_fast_kernels,
)
from ganlab.networks.base import NetworkModule
from ganlab.random_numbers import Shard
from ganlab.ranks import Ranks, here
from ganlab.scalars import resolved
from ganlab.training.averaging import Average
from ganlab.training.checkpoint import Checkpoints
from ganlab.training.component_state import ComponentStates
from ganlab.training.device import Machine
from ganlab.training.diagnosis import Diagnosis
from ganlab.training.gan import GAN
from ganlab.training.held_out import enough_held_out
from ganlab.training.learner import Learner
from ganlab.training.observer import Observer
from ganlab.training.scoring import Scorer
from ganlab.training.step import Stepper
from ganlab.training.trainer import Trainer
from ganlab.training.verdicts import Verdicts
from ganlab.types import Batch, FeatureMaps, Shapes


def build_generator(settings: Settings, shapes: Shapes | None = None) -> GeneratorModule:
    """Builds G, with PyTorch's default weights, for ``shapes`` or the shapes of the data. Raises ValueError if its
    parts do not fit the images."""
    norm = settings.norm.generator
    assert norm.layer != "auto", "resolved by the configuration"
    shapes = shapes or shapes_of(settings)
    if shapes.sources and not getattr(settings.generator, "takes_sources", False):
        raise ValueError(
            f"it makes images from a latent alone and takes no {' or '.join(shapes.sources)} image; type "
            "generator=unet, or condition=none"
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(random_streams.derive(settings.seed, "build/generator"))
        return settings.generator.build(shapes, norm.layer)


def build_discriminator(settings: Settings) -> DiscriminatorModule:
    """Builds D, with PyTorch's default weights, and determines whether it mixes samples. Raises ValueError as
    ``build_generator`` does."""
    norm = settings.norm.discriminator
    assert norm.layer != "auto", "resolved by the configuration"
    shapes = shapes_of(settings)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(random_streams.derive(settings.seed, "build/discriminator"))
        network = settings.discriminator.build(shapes, norm.layer)
        network.mixes_samples = does_mix_samples(network, shapes)
    return network


def initialize_network(
    network: NetworkModule, name: Literal["generator", "discriminator"], settings: Settings, batch: Batch | None = None
) -> Sequence[str]:
    """Initializes a network, then adds its weight parametrization; returns the initializer's notes. ``batch`` holds
    reals on the CPU for a data-dependent initializer. Raises UserError if the initializer reads a file that does not
    fit."""
    initializer, norm = getattr(settings.init, name), getattr(settings.norm, name)
    notes = initializer.initialize(
        uninitialized(network, name, _probe(network, settings, batch) if batch else None, norm.weight),
        random_streams.generator(settings.seed, f"init/{name}"),
    )
    parametrize(network, norm.weight)
    return [f"init.{name}: {note}" for note in notes]


def _probe(network: NetworkModule, settings: Settings, batch: Batch) -> Callable[[], object]:
    """Returns a function that runs a network once on training data: D on reals, G on latents."""
    condition = settings.condition
    if isinstance(network, DiscriminatorModule):
        real = Batch(batch.images, condition.real_condition(batch.condition))

        def run() -> object:
            with network.statistics_frozen():
                return network(real)

        return run
    rng = random_streams.generator(settings.seed, "init/probe")
    latent = settings.latent.draw(len(batch.images), rng)
    fake_condition = condition.fake_condition(len(latent), shapes_of(settings).classes, batch.condition, rng)

    def generate() -> object:
        with network.statistics_frozen():
            return network(latent, fake_condition)

    return generate


def build_trainer(
    settings: Settings,
    machine: Machine,
    image_set: ImageSet,
    folder: Path,
    observers: Sequence[Observer] = (),
    header: Mapping[str, Any] | None = None,
    initialize: bool = True,
) -> Trainer:
    """Builds the trainer of resolved settings on ``machine``, with checkpoints under ``folder``. Without ``initialize``
    the networks are not initialized, since a checkpoint will be restored: the files that the initializer read need not
    exist any more. With several ranks all build their trainers together."""
    ranks, shapes = here(), shapes_of(settings)
    shard = Shard(ranks.rank, ranks.count, shapes.pack)
    feed = Feed(
        image_set,
        settings.batch_size,
        settings.seed,
        machine.device,
        machine.memory_format,
        settings.runtime.resident,
        shard,
    )
    generator, discriminator, notes = _networks(settings, machine, feed, ranks, initialize)
    gan = _gan(settings, machine, generator, discriminator, shapes, _feature_maps(settings, machine, image_set, ranks))
    notes += _held_out_notes(settings, gan, len(image_set.held_out))
    scorer, scorer_notes = _scorer(settings, machine, image_set, ranks)
    stepper = Stepper(
        gan,
        *_learners(settings, machine, generator, discriminator, ranks),
        settings.schedule,
        feed,
        machine,
        steps=settings.steps,
        seed=settings.seed,
        ranks=ranks,
        moving=dict(schedules(settings)),
    )
    return Trainer(
        stepper,
        logging=settings.logging,
        checkpoints=Checkpoints(folder / "checkpoints", settings.checkpoint, settings.divergence.spare_checkpoints),
        divergence=settings.divergence,
        observers=observers,
        header=header,
        notes=[*notes, *scorer_notes],
        scorer=scorer,
        inspect=Inspector(settings.seed) if settings.logging.inspection else None,
        diagnosis=_diagnosis(settings, stepper, scorer),
        verdicts=_verdicts(settings, ranks),
        measure=Histograms(settings.seed),
        trace=NetworkGraph(settings.seed),
    )


def _networks(
    settings: Settings, machine: Machine, feed: Feed, ranks: Ranks, initialize: bool
) -> tuple[GeneratorModule, DiscriminatorModule, list[str]]:
    """Builds both networks on the machine's device, initialized unless ``initialize`` is false, and with their weight
    parametrizations; returns them and the initializers' notes."""
    generator, discriminator = build_generator(settings), build_discriminator(settings)
    notes: list[str] = []
    if initialize:
        batch = feed.first(settings.batch_size)
        batch = Batch(batch.images.cpu(), {key: value.cpu() for key, value in batch.condition.items()})
        notes += initialize_network(generator, "generator", settings, batch)
        notes += initialize_network(discriminator, "discriminator", settings, batch)
    else:
        for network, norm in ((generator, settings.norm.generator), (discriminator, settings.norm.discriminator)):
            assert norm.weight != "auto", "resolved by the configuration"
            parametrize(network, norm.weight)
    for network in (generator, discriminator):
        network.to(machine.device).to(memory_format=machine.memory_format)
        use_fast_kernels(network, machine.fast)
        # Weights from the same random numbers may differ in the last bit on another processor.
        ranks.follow_first([weight for weight in network.state_dict().values() if weight.is_floating_point()])
    return generator, discriminator, notes


def _gan(
    settings: Settings,
    machine: Machine,
    generator: GeneratorModule,
    discriminator: DiscriminatorModule,
    shapes: Shapes,
    feature_maps: Mapping[str, FeatureMaps],
) -> GAN:
    """Collects the components that both updates use."""
    return GAN(
        generator=generator,
        discriminator=discriminator,
        loss=settings.loss,
        targets=settings.targets,
        latent=settings.latent,
        condition=settings.condition,
        classes=shapes.classes,
        regularizers=settings.regularizer,
        augmentations=settings.augment,
        autocast=machine.autocast,
        pack=shapes.pack,
        states=ComponentStates({"augment": settings.augment, "regularizer": settings.regularizer}, machine.device),
        logit_signals=UpdateLogits(settings.loss.boundary) if isinstance(settings.diagnosis, SignalSettings) else None,
        feature_maps=feature_maps,
    )


def _feature_maps(settings: Settings, machine: Machine, image_set: ImageSet, ranks: Ranks) -> dict[str, FeatureMaps]:
    """Opens the feature networks of the regularizers, by the regularizer's name. Raises UserError on all ranks."""
    networks = {name: network for name, one in settings.regularizer.items() if (network := one.feature_network)}
    real, cache = reals_of(settings, image_set), folder_of(settings.runtime.cache)

    def opened() -> dict[str, FeatureMaps]:
        found = {}
        for name, network in networks.items():
            try:
                found[name] = open_feature_maps(network, real, machine.device, cache)
            except UserError as error:
                raise UserError(f"regularizer.{name}: {error}") from error
        return found

    with ranks.together():
        first = opened() if ranks.first else {}  # the others find in the cache what it has trained
    return first if ranks.first else opened()


def _held_out_notes(settings: Settings, gan: GAN, held_out: int) -> list[str]:
    """Returns a note if there are too few held-out images to compute D's mean logit on them."""
    needed = settings.batch_size // settings.schedule.microbatches
    if not held_out or enough_held_out(gan, held_out, needed):
        return []
    return [
        f"data.held_out: {held_out} images are fewer than D takes together, so discriminator/held_out is not reported; "
        f"hold out {needed} or more"
    ]


def _scorer(settings: Settings, machine: Machine, image_set: ImageSet, ranks: Ranks) -> tuple[Scorer, Sequence[str]]:
    """Builds the scorer, which rank 0 alone uses, and returns it with its notes. Raises UserError on all ranks."""
    if not isinstance(settings.evaluation, Scoring):
        return Scorer(), ()
    assert settings.evaluation.features != "auto", "resolved by the configuration"
    rows = rows_of(image_set, settings.evaluation.reals)
    evaluator = None
    with ranks.together():
        if ranks.first:  # the other ranks wait at the end of the block
            with naming_train_keys():
                evaluator = build_evaluator(settings, image_set, settings.evaluation.features, rows, machine.device)
    return Scorer(evaluator, settings.evaluation), evaluator.opened.notes if evaluator else ()


def _diagnosis(settings: Settings, stepper: Stepper, scorer: Scorer) -> Diagnosis:
    """Builds what computes signals at log points."""
    if not isinstance(settings.diagnosis, SignalSettings):
        return Diagnosis()
    subject = Subject(
        stepper.gan,
        stepper.generator,
        stepper.discriminator,
        stepper.feed,
        settings.diagnosis,
        settings.seed,
        settings.batch_size // settings.schedule.microbatches,
    )
    return Signals(subject, stepper.ranks, _classifier(scorer))


def _verdicts(settings: Settings, ranks: Ranks) -> Verdicts:
    """Builds what asks for verdicts; rank 0 alone has a judge."""
    if not isinstance(settings.diagnosis, SignalSettings):
        return Verdicts()
    judge = Judge(settings.diagnosis.verdicts, dump(Settings, settings)) if ranks.first else None
    return Verdicts(judge, settings.diagnosis.on_verdict)


def _classifier(scorer: Scorer) -> Classify | None:
    """Returns the evaluation's classifier of the data's classes, None without one."""
    evaluator = scorer.evaluator
    if not isinstance(evaluator, Evaluator) or evaluator.opened.facts["features"] != "classifier":
        return None

    def classify(images: torch.Tensor) -> torch.Tensor:
        probabilities = evaluator.features_of([images])[1]
        assert probabilities is not None
        return probabilities

    return classify


def _learners(
    settings: Settings, machine: Machine, generator: GeneratorModule, discriminator: DiscriminatorModule, ranks: Ranks
) -> tuple[Learner, Learner]:
    """Builds the learners of G and of D."""
    averages = resolved(settings.averaging, 0.0).share(1) is not None
    return (
        Learner(
            "generator",
            generator,
            settings.optimizer.generator,
            average=Average(generator, settings.averaging) if averages else None,
            dtype=machine.dtype,
            ranks=ranks,
        ),
        Learner(
            "discriminator",
            discriminator,
            settings.optimizer.discriminator,
            settings.constraint,
            dtype=machine.dtype,
            ranks=ranks,
        ),
    )
