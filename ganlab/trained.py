"""A trained generator, for sampling."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import Tensor

from ganlab import random_streams
from ganlab.config.model import Model
from ganlab.data.source import printable
from ganlab.errors import UserError, nearest
from ganlab.monitor.grid import pixels
from ganlab.networks import GeneratorModule
from ganlab.points import POINT
from ganlab.python_arguments import as_tensor, positive_number, whole_number
from ganlab.types import Latent, Shapes

if TYPE_CHECKING:
    from PIL.Image import Image

BLOCK = 64  # latents of one stream
Array = Tensor | np.ndarray | Sequence[Any]
"""Numbers: a tensor, a NumPy array, or nested lists."""
Labels = int | str | Sequence[int | str] | Tensor | np.ndarray


class TrainedGenerator:
    """A generator in evaluation mode, whose parameters need no gradients, with the saved facts about it.

    ``image_shape`` is (C, H, W), (2, 1, 1) for points of the plane; ``classes`` are the names of the classes that it
    can generate, () if it was trained without; ``sources`` are the shapes (C, H, W) of the images that it translates,
    by name, {} if it takes none; ``step`` is the number of training steps; ``weights`` is ``average`` or ``network``;
    ``settings`` are those of the run, plain, and ``model`` describes its data; ``path`` is the file; ``versions`` are
    those of ganlab, PyTorch and other packages that trained it, if the file has them.
    """

    def __init__(
        self,
        network: GeneratorModule,
        latent: Latent,
        shapes: Shapes,
        model: Model,
        *,
        path: Path,
        step: int,
        weights: Literal["average", "network"],
        settings: Mapping[str, Any],
        versions: Mapping[str, str] | None = None,
    ) -> None:
        self.network = network.eval().requires_grad_(False)
        self.distribution, self.shapes, self.model = latent, shapes, model
        self.path, self.step, self.settings = path, step, settings
        self.versions = dict(versions or {})
        self.weights: Literal["average", "network"] = weights
        numbers = tuple(map(str, range(shapes.classes)))
        self.classes = model.class_names if len(model.class_names) == shapes.classes else numbers

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return self.shapes.image

    @property
    def sources(self) -> Mapping[str, tuple[int, int, int]]:
        return self.shapes.sources

    @property
    def latent_dim(self) -> int:
        return self.shapes.latent

    @property
    def is_of_points(self) -> bool:
        """Whether its images are points of the plane."""
        return self.shapes.image == POINT

    @property
    def device(self) -> torch.device:
        return next(self.network.parameters()).device

    @property
    def description(self) -> str:
        """A description in one line: network, step, data and shapes."""
        details = f" of {len(self.classes)} classes" if self.classes else ""
        numbers = f"{self.latent_dim} number{'' if self.latent_dim == 1 else 's'}"
        sources = f"{', '.join(self.sources)} and " if self.sources else ""
        kind = "points" if self.is_of_points else f"images of {'×'.join(map(str, self.image_shape))}"
        name, data = (_name(self.settings, key) for key in ("generator", "data"))
        whose = "average of the generator" if self.weights == "average" else "generator"
        return f"{whose} {name} after {self.step:,} steps on {data}: {kind}{details} from {sources}{numbers}"

    def __repr__(self) -> str:
        return f"<{self.description}>"

    # -------------------------------------------------------------------------------------------------------- sampling

    def latent(self, n: int, seed: int = 0, truncation: float | None = None) -> Tensor:
        """Returns ``n`` latents (n, latent_dim) float32 on the CPU. They depend on the seed, not on the device, and a
        smaller ``n`` gives the first of them. ``truncation`` truncates normal latents to ± that (Brock et
        al. 2019, section 3.1); None uses the run's setting, which is no truncation by default. Raises UserError."""
        n, seed = whole_number("n", n, least=1), whole_number("seed", seed)
        distribution = self.distribution
        if truncation is not None:
            if not is_dataclass(distribution) or "truncation" not in {field.name for field in fields(distribution)}:
                name = _name(self.settings, "latent")
                raise UserError(f"truncation: it cuts off normal latents, and these are {name}; leave it out")
            truncation = positive_number("truncation", truncation, 0.7)
            distribution = replace(distribution, truncation=truncation)  # type: ignore[type-var]
        # Complete blocks for every n, since the numbers can depend on how many are drawn at once.
        blocks = [
            distribution.sample(BLOCK, random_streams.generator(seed, "sample/latent", block))
            for block in range(-(-n // BLOCK))
        ]
        return torch.cat(blocks)[:n]

    def between(self, start: Array, end: Array, share: float) -> Tensor:
        """Returns latents (n, latent_dim) that lie at ``share``, in [0, 1], of the way from ``start`` to ``end``:
        along the arc if latents are normal or on a sphere (White 2016), along the line if they are uniform."""
        return self.distribution.interpolate(as_tensor("start", start), as_tensor("end", end), float(share))

    def labels(self, n: int, labels: Labels | None = None) -> Tensor | None:
        """Returns the class numbers (n,) of ``n`` images: ``labels`` in order, repeated as often as needed. Each is a
        class's name or number (a name has precedence if classes are named by numbers; elements of a tensor or an
        array of whole numbers are numbers). Without ``labels`` the classes are repeated in order, so that a smaller
        ``n`` gives the first of them. None for a generator without classes. Raises UserError."""
        n = whole_number("n", n, least=1)
        if not self.classes:
            if labels is not None:
                raise UserError("labels: this generator was trained without classes; leave them out")
            return None
        if labels is None:
            return torch.arange(n) % len(self.classes)
        if isinstance(labels, np.ndarray) and labels.dtype.kind not in "iu":
            labels = labels.flatten().tolist()  # texts, or what is refused below
        if isinstance(labels, Tensor | np.ndarray):
            numbers = labels.flatten().tolist()
            if wrong := [one for one in numbers if not isinstance(one, int) or not 0 <= one < len(self.classes)]:
                raise self._no_class(wrong[0])
        else:
            numbers = [
                self._number(one) for one in ([labels] if isinstance(labels, int | str | np.generic) else labels)
            ]
        if not 1 <= len(numbers) <= n:
            raise UserError(f"labels: there are {len(numbers)} for {n:,} images; need at least one, and at most n")
        return torch.tensor(numbers).repeat(-(-n // len(numbers)))[:n]

    def generate(self, latent: Array | None = None, labels: Labels | None = None, **sources: Array) -> Tensor:
        """Generates images (n, C, H, W) float32 in [-1, 1] from latents (n, latent_dim), on the generator's device;
        gradients reach ``latent`` if it requires them. ``labels`` as in ``labels()``.

        A generator that translates images takes them by name, ``generate(source=images)``: each (n, C, H, W), or one
        (C, H, W) for all, as uint8 0 … 255 or floats in [-1, 1]. Without a latent those of seed 0 are used then. Raises
        UserError.
        """
        images_of = self._sources(sources)
        if latent is None:
            if not images_of:
                raise UserError("generate: there are no latents; type generate(generator.latent(n)), or sample(n)")
            latent = self.latent(max(len(one) if one.dim() == 4 else 1 for one in images_of.values()))
        latent = as_tensor("latent", latent)
        if latent.dim() != 2 or latent.shape[1] != self.latent_dim or not len(latent):
            found = "×".join(map(str, latent.shape))
            raise UserError(f"generate: found latents of shape {found}, need n×{self.latent_dim}")
        numbers = self.labels(len(latent), labels)
        condition = {} if numbers is None else {"labels": numbers.to(self.device)}
        condition |= {name: self._source(name, images_of[name], len(latent)) for name in self.sources}
        # Without TF32, in which a GPU's convolutions would round numbers to ten bits.
        with torch.backends.cudnn.flags(enabled=torch.backends.cudnn.enabled, allow_tf32=False):
            images: Tensor = self.network(latent.to(self.device, torch.float32), condition).images
        return images.float()

    def _sources(self, sources: Mapping[str, Array]) -> dict[str, Tensor]:
        """Returns the sources as tensors. Raises UserError if one is missing or unknown."""
        if extra := [name for name in sources if name not in self.sources]:
            there = f"it takes {', '.join(self.sources)}" if self.sources else "it takes no images"
            raise UserError(f"generate: this generator has no input '{extra[0]}'; {there}")
        if missing := [name for name in self.sources if name not in sources]:
            shape = ", ".join(map(str, self.sources[missing[0]]))
            raise UserError(
                f"generate: this generator translates images and needs {missing[0]}=…, images of shape (n, {shape})"
            )
        return {name: as_tensor(name, one) for name, one in sources.items()}

    def _source(self, name: str, images: Tensor, count: int) -> Tensor:
        """Returns images (count, C, H, W) in [-1, 1] on the device. Raises UserError if the shape does not fit."""
        self._check_source(name, images, count)
        found = images[None] if images.dim() == 3 else images
        floats = found.float() / 127.5 - 1 if found.dtype == torch.uint8 else found.float()
        return floats.to(self.device).expand(count, -1, -1, -1)

    def _check_source(self, name: str, images: Tensor, count: int) -> None:
        found = images[None] if images.dim() == 3 else images
        if tuple(found.shape[1:]) != self.sources[name] or len(found) not in (1, count):
            need = ", ".join(map(str, self.sources[name]))
            raise UserError(
                f"generate: found {name} of shape {tuple(images.shape)}, need ({need}) or ({count}, {need}), as many "
                "as there are latents"
            )

    @torch.no_grad()
    def batches(
        self,
        n: int,
        seed: int = 0,
        labels: Labels | None = None,
        truncation: float | None = None,
        batch_size: int = 64,
        **sources: Array,
    ) -> Iterator[Tensor]:
        """Yields the images of ``sample`` in batches of ``batch_size``, float32 in [-1, 1], on the generator's
        device."""
        n = whole_number("n", n, least=1)
        images_of = self._sources(sources)
        for name, images in images_of.items():
            self._check_source(name, images, n)
        batch_size = whole_number("batch_size", batch_size, least=1)
        latent, numbers = self.latent(n, seed, truncation), self.labels(n, labels)
        for start in range(0, n, batch_size):
            part = slice(start, start + batch_size)
            some = {
                name: images[part] if images.dim() == 4 and len(images) > 1 else images
                for name, images in images_of.items()
            }
            yield self.generate(latent[part], None if numbers is None else numbers[part], **some)

    def sample(
        self,
        n: int,
        seed: int = 0,
        labels: Labels | None = None,
        truncation: float | None = None,
        batch_size: int = 64,
        output: Literal["auto", "uint8", "float"] = "auto",
        **sources: Array,
    ) -> Tensor:
        """Returns ``n`` images (n, C, H, W) on the CPU: ``uint8`` 0 … 255, or ``float``, float32 in [-1, 1]; auto is
        uint8, and float for points of the plane.

        The same seed, labels and truncation give the same images, to rounding, at any ``batch_size`` and on any
        device, and a smaller ``n`` gives the first of them. ``sources`` are the images to translate, as in
        ``generate``. Raises UserError.
        """
        if output not in ("auto", "uint8", "float"):
            raise UserError(f"output={output}: need uint8 or float")
        if output == "uint8" and self.is_of_points:
            raise UserError("output=uint8: points of the plane are no pixels; type output='float'")
        whole = output != "float" and not self.is_of_points
        parts = self.batches(n, seed, labels, truncation, batch_size, **sources)
        return torch.cat([(pixels(part) if whole else part).cpu() for part in parts])

    def show(
        self,
        n: int = 16,
        seed: int = 0,
        labels: Labels | None = None,
        truncation: float | None = None,
        columns: int | None = None,
        **sources: Array,
    ) -> Image:
        """Returns the images of ``sample`` in one picture of PIL, ``columns`` side by side, enlarged by a whole factor:
        a notebook shows it, and ``generator.show(16).save("samples.png")`` writes it. Points of the plane are drawn as
        such. Raises UserError."""
        # Pictures are imported where one is made: loading and sampling need none of them.
        from ganlab.monitor.captions import to_image
        from ganlab.monitor.named_grid import named_grid
        from ganlab.monitor.scatter import scatter

        columns = None if columns is None else whole_number("columns", columns, least=1)
        images = self.sample(n, seed, labels, truncation, output="float", **sources)  # type: ignore[arg-type]
        if self.is_of_points:
            title = f"{self.weights}, step {self.step:,}"
            return to_image(scatter(torch.empty(0, *self.image_shape), images, title))
        return to_image(named_grid(images, columns).pixels)

    def _number(self, label: int | str) -> int:
        if str(label) in self.classes and not isinstance(label, bool):
            return self.classes.index(str(label))
        if isinstance(label, str | bool | np.bool_):
            raise self._no_class(label)
        try:
            number = operator.index(label)
        except TypeError:
            raise self._no_class(label) from None
        if not 0 <= number < len(self.classes):
            raise self._no_class(label)
        return number

    def _no_class(self, label: object) -> UserError:
        guess = nearest(str(label), self.classes) if isinstance(label, str) else None
        shown = ", ".join(self.classes[:12]) + (f", … ({len(self.classes)} in all)" if len(self.classes) > 12 else "")
        hint = f"did you mean {guess}?" if guess else f"the classes are {shown}, or their numbers from 0"
        return UserError(f"labels: there is no class {label}; {hint}")


def _name(settings: Mapping[str, Any], key: str) -> str:
    """Returns the name of a component in plain settings."""
    component = settings.get(key)
    if isinstance(component, Mapping) and "dataset" in component:  # torchvision and the hub: the data set's name
        return printable(str(component["dataset"]))
    return printable(str(component.get("name", "?") if isinstance(component, Mapping) else component or "?"))
