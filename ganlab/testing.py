"""Checks that every component must pass, for tests of your own components.

    from ganlab import testing

    def test_mine() -> None:
        testing.check_initializer(Mine())

Each function raises AssertionError with a sentence if the component breaks its interface (``ganlab.types``,
``ganlab.layer``, ``ganlab.data.source``). They need no data, no files and no test framework, and take a second or less.
ganlab's own components are tested by the same functions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ganlab.data import Source, Stored
from ganlab.data.source import Drawn
from ganlab.layer import Initializer
from ganlab.networks import (
    DiscriminatorArchitecture,
    DiscriminatorModule,
    GeneratorArchitecture,
    does_mix_samples,
    ends_in_sigmoid,
    uninitialized,
    walk,
)
from ganlab.networks.activations import LeakyReLU, Tanh
from ganlab.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from ganlab.networks.layers import Chain, Convolution, Dense, Embedding, TransposedConvolution
from ganlab.networks.norms import BatchNorm, LayerNorm, NoNorm, Norm
from ganlab.training.schedule import Schedule
from ganlab.types import Augmentation, Batch, Condition, Conditioning, Loss, Regularizer, Shapes, TargetPair, Update

SHAPES = Shapes((3, 16, 16), 5)


def check_initializer(initializer: Initializer) -> None:
    """Checks that all weights and biases are filled with finite numbers, and that equal random numbers give equal
    weights; different ones give different weights if, and only if, ``is_random``."""

    def filled(seed: int) -> dict[str, Tensor]:
        network = Chain(
            Convolution(4, 8, 3, padding=1, follows=LeakyReLU()),
            BatchNorm().build(8, (4, 4)),
            TransposedConvolution(8, 4, 4, stride=2, padding=1, follows=LeakyReLU()),
            Convolution(4, 4, 3, padding=1, follows=None, role="residual"),
            Embedding(6, 8),
            Dense(8, 3, follows=Tanh(), role="output"),
        )
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.fill_(float("nan"))
            initializer.initialize(uninitialized(network, "generator"), torch.Generator().manual_seed(seed))
        return {name: parameter.detach() for name, parameter in network.named_parameters()}

    first, again, other = filled(0), filled(0), filled(1)
    for name, values in first.items():
        _need(bool(values.isfinite().all()), f"{name} is not filled with finite numbers", initializer)
        _need(torch.equal(values, again[name]), f"{name} differs for the same random numbers", initializer)
    changes = any(not torch.equal(values, other[name]) for name, values in first.items())
    _need(
        changes == type(initializer).is_random,
        "its weights depend on the random numbers and is_random is False"
        if changes
        else "its weights do not depend on the random numbers; set is_random: ClassVar[bool] = False",
        initializer,
    )


def check_loss(loss: Loss) -> None:
    """Checks that both losses are elementwise, finite and differentiable, also for logits that are maps, and that G's
    loss uses the reals if, and only if, ``needs_real``."""
    rng = torch.Generator().manual_seed(0)
    for shape in ((6,), (6, 3, 2)):
        real = torch.randn(shape, generator=rng).requires_grad_()
        fake = torch.randn(shape, generator=rng).requires_grad_()
        for name, value in (
            ("discriminator", loss.discriminator(real, fake, TargetPair())),
            ("generator", loss.generator(fake, real if loss.needs_real else None)),
        ):
            _need(value.shape == shape, f"{name}() returned {tuple(value.shape)} for logits {shape}", loss)
            _need(bool(value.isfinite().all()), f"{name}() is not finite", loss)
            (gradient,) = torch.autograd.grad(value.sum(), fake, retain_graph=True)
            _need(bool(gradient.abs().sum() > 0), f"{name}() has no gradient for the fakes", loss)
    if loss.needs_real:
        used = torch.autograd.grad(loss.generator(fake, real).sum(), real, allow_unused=True)[0]
        _need(used is not None, "needs_real is True and generator() does not use the reals", loss)


def check_regularizer(regularizer: Regularizer, **facts: Any) -> None:
    """Checks that the regularizer has a term in at least one update, a finite scalar, and that its gradient reaches the
    network that is updated. ``facts`` replace fields of the ``Update``, for regularizers that need labels."""
    generator = DCGANGenerator(width=4).build(SHAPES, NoNorm())
    discriminator = DCGANDiscriminator(width=4).build(SHAPES, NoNorm())
    found = False
    for name, network in (("discriminator", discriminator), ("generator", generator)):
        update = _update(regularizer, generator, discriminator, in_generator=name == "generator", **facts)
        value = getattr(regularizer, name)(update)
        if value is None:
            continue
        found = True
        _need(value.dim() == 0, f"{name}() returned shape {tuple(value.shape)}, need a scalar", regularizer)
        _need(bool(value.isfinite()), f"{name}() is not finite", regularizer)
        gradients = torch.autograd.grad(value, list(network.parameters()), allow_unused=True)
        reached = any(gradient is not None and bool(gradient.abs().sum() > 0) for gradient in gradients)
        _need(reached, f"the term of {name}() has no gradient for the {name}'s parameters", regularizer)
    _need(found, "it has no term in either update", regularizer)


def check_augmentation(augmentation: Augmentation) -> None:
    """Checks that shape and type stay, that equal random numbers give equal images, and that gradients pass."""
    for shape in ((4, 3, 16, 16), (4, 1, 12, 20)):
        images = (torch.rand(shape, generator=torch.Generator().manual_seed(0)) * 2 - 1).requires_grad_()
        state = augmentation.initial_state(images.device)
        one, again = (augmentation.augment(images, torch.Generator().manual_seed(1), 0.25, state) for _ in range(2))
        _need(one.shape == images.shape, f"it returned {tuple(one.shape)} for images {shape}", augmentation)
        _need(one.dtype == images.dtype, f"it returned {one.dtype} for {images.dtype}", augmentation)
        _need(bool(one.isfinite().all()), "its images are not finite", augmentation)
        _need(torch.equal(one, again), "it differs for the same random numbers", augmentation)
        (gradient,) = torch.autograd.grad(one.sum(), images, allow_unused=True)
        _need(gradient is not None and bool(gradient.isfinite().all()), "no gradient passes through it", augmentation)


def check_generator(architecture: GeneratorArchitecture, shapes: Shapes = SHAPES, norm: Norm | None = None) -> None:
    """Checks the shape and the range of the images, and that every parameter belongs to a layer that initializers
    fill."""
    network = architecture.build(shapes, norm or LayerNorm())
    images = network(torch.randn(3, shapes.latent), shapes.example_condition(3)).images
    _need(images.shape == (3, *shapes.image), f"its images have shape {tuple(images.shape)}", architecture)
    _need(bool((images.abs() <= 1).all()), "its images are outside of [-1, 1]", architecture)
    _check_layers(network, architecture)


def check_discriminator(
    architecture: DiscriminatorArchitecture, shapes: Shapes = SHAPES, norm: Norm | None = None
) -> None:
    """Checks the shape of the logits, that they are no sigmoid's output, that batches in one forward pass are
    independent of each other, that images get a gradient, and that every parameter belongs to a layer."""
    network = architecture.build(shapes, norm or NoNorm())
    network.mixes_samples = does_mix_samples(network, shapes)
    count = 2 * shapes.pack
    batches = [Batch(torch.randn(count, *shapes.image), shapes.example_condition(count)) for _ in range(2)]
    batches[0].images.requires_grad_()
    network.eval()  # without dropout
    outputs = network.forward_all(*batches, features=True)
    for batch, output in zip(batches, outputs, strict=True):
        _need(len(output.logits) == 2, f"it returned {len(output.logits)} logits for 2 samples", architecture)
        alone = network(batch).logits
        _need(torch.allclose(output.logits, alone, atol=1e-4), "two batches together change its logits", architecture)
    (gradient,) = torch.autograd.grad(outputs[0].logits.sum(), batches[0].images)
    _need(bool(gradient.abs().sum() > 0), "its logits do not depend on the images", architecture)
    _need(not ends_in_sigmoid(network, shapes), "it ends in a sigmoid; return the logits", architecture)
    _check_layers(network, architecture)


def check_condition(condition: Conditioning, known: Condition, classes: int = 0) -> None:
    """Checks that real, generated and grid conditions have one set of names and the right number of rows. ``known`` is
    what the data provides, such as ``{"labels": tensor}``."""
    rows = len(next(iter(known.values()))) if known else 4
    real = condition.real_condition(known)
    fake = condition.fake_condition(rows, classes, known, torch.Generator().manual_seed(0))
    grid = condition.grid_condition(rows, classes, known)
    for name, one in (("fake_condition", fake), ("grid_condition", grid)):
        _need(set(one) == set(real), f"{name} has {sorted(one)} and real_condition {sorted(real)}", condition)
        _need(all(len(value) == rows for value in one.values()), f"{name} has not {rows} rows", condition)


def check_schedule(schedule: Schedule) -> None:
    """Checks that plans follow from the step alone, and that they have updates."""
    plans = [schedule.plan(step, {}) for step in range(20)]
    _need(plans == [schedule.plan(step, {}) for step in range(20)], "its plans change from call to call", schedule)
    _need(any(plan.discriminator for plan in plans), "no step of the first 20 updates the discriminator", schedule)
    shares = [schedule.top_share(step / 20) for step in range(21)]
    _need(all(0 < share <= 1 for share in shares), "top_share is outside of (0, 1]", schedule)


def check_source(source: Source) -> None:
    """Checks that the opened images have the shape, the classes and the aligned images that the source announces."""
    source.check()
    if isinstance(source, Stored):
        _need(source.stamp() == source.stamp(), "its stamp changes from call to call", source)
    opened = source.open()
    _need(opened.image_shape == source.image_shape, f"its images are {opened.image_shape}", source)
    _need(len(opened) > 0, "it has no images", source)
    _need(len(opened.classes) == source.class_count, f"it has {len(opened.classes)} classes", source)
    if opened.labels is not None:
        _need(len(opened.labels) == len(opened.images), "there is not one label for each image", source)
    every = np.arange(len(opened.images))
    for name, shape in source.aligned_shapes.items():
        aligned = opened.aligned.get(name)
        _need(aligned is not None, f"it announces aligned images '{name}' and has none", source)
        count = len(aligned.first if isinstance(aligned, Drawn) else aligned)  # type: ignore[arg-type]
        _need(count == len(every), f"there is not one '{name}' for each image", source)
        height, width, channels = opened.aligned_images(name, opened.rows[:8]).shape[1:]
        _need((channels, height, width) == shape, f"'{name}' has shape {(channels, height, width)}", source)
    for name, classes in source.label_sets.items():
        found = opened.label_sets.get(name)
        _need(found is not None, f"it announces labels '{name}' and has none", source)
        assert found is not None
        _need(len(found.labels) == len(every), f"there is not one label '{name}' for each image", source)
        _need(len(found.names) == classes, f"'{name}' has {len(found.names)} classes", source)
        _need(bool((found.labels[opened.rows] < classes).all()), f"a label '{name}' is no class", source)
    for name, rows in opened.parts.items():
        _need(len(rows) > 0 and bool(np.isin(rows, every).all()), f"part '{name}' has no images", source)


# ---------------------------------------------------------------------------------------------------------------- parts


def _need(fact: bool, problem: str, component: object) -> None:
    if not fact:
        raise AssertionError(f"{type(component).__name__}: {problem}")


def _check_layers(network: nn.Module, component: object) -> None:
    try:
        list(walk(network))
    except TypeError as error:
        raise AssertionError(f"{type(component).__name__}: {error}") from error


def _update(
    regularizer: Regularizer,
    generator: nn.Module,
    discriminator: DiscriminatorModule,
    in_generator: bool,
    **facts: Any,
) -> Update:
    """Returns an update of D, or of G, with all that the regularizer needs."""
    needs = regularizer.generator_needs if in_generator else regularizer.discriminator_needs
    rng = torch.Generator().manual_seed(0)
    latent = torch.randn(4, SHAPES.latent, generator=rng)
    condition: Mapping[str, Tensor] = facts.pop("condition", {})
    real = Batch(torch.rand(4, *SHAPES.image, generator=rng) * 2 - 1, condition)
    with torch.enable_grad() if in_generator else torch.no_grad():
        generated = generator(latent, condition)
    fake = Batch(generated.images, condition)

    def leaf_if_needed(batch: Batch, kind: str) -> Batch:
        leaf = f"{kind}_gradient" in needs and not batch.images.requires_grad
        return Batch(batch.images.clone().requires_grad_() if leaf else batch.images, batch.condition)

    augmented_real, augmented_fake = leaf_if_needed(real, "real"), leaf_if_needed(fake, "fake")
    with_real = not in_generator or "real" in needs
    features = "features" in needs
    rngs: Callable[[str], torch.Generator] = lambda stream: torch.Generator().manual_seed(2)  # noqa: E731
    values: dict[str, Any] = {
        "generator": generator,
        "discriminator": discriminator,
        "real": real,
        "fake": fake,
        "latent": latent,
        "generated": generated,
        "augmented_real": augmented_real,
        "augmented_fake": augmented_fake,
        "real_output": discriminator.forward_all(augmented_real, features=features)[0] if with_real else None,
        "fake_output": discriminator.forward_all(augmented_fake, features=features)[0],
        "augment": lambda batch, view: batch,
        "targets": TargetPair(),
        "rngs": rngs,
        "progress": 0.5,
        "state": regularizer.initial_state(latent.device),
        **facts,
    }
    fields = Update.__dataclass_fields__
    return Update(**{name: value for name, value in values.items() if name in fields})
