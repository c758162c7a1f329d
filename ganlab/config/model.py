"""Describes what networks are built for; checkpoints contain this description."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ganlab.config.settings import Settings
from ganlab.data import ImageSet
from ganlab.table import NonNegativeInt, PositiveInt
from ganlab.types import Shapes, Wiring


@dataclass(frozen=True)
class Model:
    """The shapes and data that networks were built for and trained on. Checkpoints contain it, so that they can be
    loaded without the data.

    ``classes`` is the number of classes of the condition (0: none), ``class_names`` are those of the data;
    ``images``, a number, and ``fingerprint`` describe the data; ``sources`` holds the shapes (C, H, W) of the
    condition's images, by name; ``heads`` and ``shared`` are those of ``Shapes``.
    """

    image_shape: tuple[PositiveInt, PositiveInt, PositiveInt]  # (C, H, W)
    classes: NonNegativeInt = 0
    class_names: tuple[str, ...] = ()
    images: NonNegativeInt = 0
    fingerprint: str = ""
    sources: Mapping[str, tuple[PositiveInt, PositiveInt, PositiveInt]] = field(default_factory=dict)
    heads: Mapping[str, PositiveInt] = field(default_factory=dict)
    shared: Mapping[str, str] = field(default_factory=dict)


def model_of(settings: Settings, image_set: ImageSet) -> Model:
    """Returns the model of these settings and this data."""
    shapes = shapes_of(settings)
    return Model(
        shapes.image,
        shapes.classes,
        image_set.classes,
        len(image_set),
        image_set.fingerprint,
        dict(shapes.sources),
        dict(shapes.heads),
        dict(shapes.shared),
    )


def shapes_of(settings: Settings, model: Model | None = None) -> Shapes:
    """Returns the shapes that both networks are built for; if ``model`` is given, without access to the data."""
    condition = settings.condition
    sources, heads, shared = (model.sources, model.heads, model.shared) if model else _inputs(settings)
    classes = model.classes if model else settings.data.class_count if condition.needs_labels else 0
    return Shapes(
        image=model.image_shape if model else settings.data.image_shape,
        latent=settings.latent.dim,
        classes=classes,
        pack=getattr(settings.discriminator, "pack", 1),
        wiring=condition.wiring if classes else Wiring(),
        sources=sources,
        heads=heads,
        shared=shared,
    )


def _inputs(
    settings: Settings,
) -> tuple[Mapping[str, tuple[int, int, int]], Mapping[str, int], Mapping[str, str]]:
    """Returns the sources, the heads and the shared labels that the data provides for the condition."""
    data, condition = settings.data, settings.condition
    shapes, counts = data.aligned_shapes, data.label_sets
    sources = {name: shapes[name] for name in condition.sources if name in shapes}
    heads = {name: counts[name] for name in condition.heads if name in counts}
    shared = {name: label for name, label in data.shared_labels.items() if name in sources and label in heads}
    return sources, heads, shared
