"""A trained generator, to sample from: out of a run folder, a checkpoint or an exported file.

Nothing but tensors and JSON is read, and names are looked up in tables: a file from somebody else cannot run anything.
Neither the data nor the configuration files nor Hydra are needed.
"""

from __future__ import annotations

import operator
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from ganlab import run_folder, streams, tree_file
from ganlab.config import auto
from ganlab.config.build import build_generator
from ganlab.config.model import Model, shapes_of
from ganlab.config.parse import parse
from ganlab.config.settings import Settings
from ganlab.data.source import printable
from ganlab.errors import Refused, UserError, in_one_line, nearest
from ganlab.monitor.grid import pixels
from ganlab.networks import GeneratorModule, parametrize
from ganlab.points import POINT
from ganlab.training.checkpoint import newest
from ganlab.training.device import find_device
from ganlab.types import Latent, Shapes

BLOCK = 64  # latents of one stream
NEEDED = ("seed", "generator", "condition", "latent")
"""What of the saved settings a generator is built from. The others are not even parsed: a loss of somebody's plugin, or
a data set that has another name by now, is no reason not to load."""

Labels = int | str | Sequence[int | str] | Tensor
Weights = Literal["auto", "average", "network"]


def load(
    source: str | Path,
    weights: Weights = "auto",
    device: str = "auto",
    plugins: Sequence[str] = (),
    checkpoint: int | str | None = None,
) -> TrainedGenerator:
    """The generator of a run folder (``latest`` is the last run's), a checkpoint, or an exported ``.safetensors``.

    ``weights``: the ``average`` that was kept, the ``network`` itself, or ``auto``, the average where there is one.
    ``device``: auto, cpu, mps, cuda, cuda:1. ``plugins`` are modules to import first, for an architecture of your own;
    those that the file names are not. ``checkpoint`` is one of a run folder's: its step, or its name, such as final;
    otherwise it is the one with the most steps. Raises UserError.
    """
    if weights not in ("auto", "average", "network"):
        raise UserError(f"weights={weights}: need auto, average or network")
    if plugins:
        from ganlab.config.compose import import_plugins  # imports Hydra, which nothing else here does

        import_plugins([plugins] if isinstance(plugins, str) else plugins)
    path, tree = _read(source, checkpoint)
    settings, shapes, model = _understood(path, tree)
    kept, state = _weights(path, tree, weights)
    try:
        _need_fitting(settings, shapes, state)
        network = build_generator(settings, shapes)
        norm = settings.norm.generator
        assert norm.weight != "auto", "resolved by the configuration"
        parametrize(network, norm.weight)
        network.load_state_dict(state)
    except (RuntimeError, ValueError, TypeError, MemoryError, OverflowError) as error:  # PyTorch's own list
        raise UserError(f"{path}: its weights do not fit its settings ({in_one_line(error)})") from error
    step = tree.get("step")
    return TrainedGenerator(
        network.to(find_device(device, "device")),
        settings.latent,
        shapes,
        model,
        path=path,
        step=step if isinstance(step, int) else 0,
        weights=kept,
        settings=tree["settings"],
    )


class TrainedGenerator:
    """A generator in evaluation mode, its parameters without gradients, and what was saved about it.

    ``image_shape`` is (C, H, W), (2, 1, 1) for points of the plane; ``classes`` are the names of the classes that it
    can be told, () where it was trained without; ``step`` is the number of G's updates; ``weights`` is ``average`` or
    ``network``; ``settings`` are those of the run, plain, and ``model`` what its data was; ``path`` is the file.
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
    ) -> None:
        self.network = network.eval().requires_grad_(False)
        self.distribution, self.shapes, self.model = latent, shapes, model
        self.path, self.step, self.settings = path, step, settings
        self.weights: Literal["average", "network"] = weights
        numbers = tuple(map(str, range(shapes.classes)))
        self.classes = model.class_names if len(model.class_names) == shapes.classes else numbers

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return self.shapes.image

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
        """One line: what it is, and of when."""
        told = f" of {len(self.classes)} classes" if self.classes else ""
        kind = "points" if self.is_of_points else f"images of {'×'.join(map(str, self.image_shape))}"
        name, data = (_name(self.settings, key) for key in ("generator", "data"))
        whose = "average of the generator" if self.weights == "average" else "generator"
        return f"{whose} {name} after {self.step:,} steps on {data}: {kind}{told} from {self.latent_dim} numbers"

    def __repr__(self) -> str:
        return f"<{self.description}>"

    # -------------------------------------------------------------------------------------------------------- sampling

    def latent(self, n: int, seed: int = 0, truncation: float | None = None) -> Tensor:
        """``n`` latents (n, latent_dim) float32 on the CPU: the same for a seed on every device, and the first of more
        are those of fewer. ``truncation`` cuts normal latents off at ± that (Brock et al. 2019, section 3.1); None
        leaves it to the run's setting, mostly none. Raises UserError."""
        n, seed = _whole("n", n, least=1), _whole("seed", seed)
        distribution = self.distribution
        if truncation is not None:
            if not is_dataclass(distribution) or "truncation" not in {field.name for field in fields(distribution)}:
                name = _name(self.settings, "latent")
                raise UserError(f"truncation: it cuts off normal latents, and these are {name}; leave it out")
            if isinstance(truncation, bool) or not isinstance(truncation, int | float) or not truncation > 0:
                raise UserError(f"truncation={truncation}: need a number above 0, such as 0.7")
            distribution = replace(distribution, truncation=float(truncation))  # type: ignore[type-var]
        # Whole blocks, whatever n is: how many are drawn at once can change what is drawn.
        blocks = [
            distribution.sample(BLOCK, streams.generator(seed, "sample/latent", block))
            for block in range(-(-n // BLOCK))
        ]
        return torch.cat(blocks)[:n]

    def between(self, start: Tensor, end: Tensor, share: float) -> Tensor:
        """Latents (n, latent_dim) that lie ``share`` of the way, 0 to 1, from ``start`` to ``end``: along the arc where
        latents are normal or on a sphere (White 2016), along the line where they are uniform."""
        return self.distribution.between(start, end, share)

    def labels(self, n: int, labels: Labels | None = None) -> Tensor | None:
        """The class numbers (n,) of ``n`` images: ``labels`` one after the other and again from the start, each a
        class's name or number (a name wins, where classes are called by numbers; a tensor's are numbers). Without them
        all classes in turn, so that the first of more images are those of fewer. None for a generator without classes.
        Raises UserError."""
        n = _whole("n", n, least=1)
        if not self.classes:
            if labels is not None:
                raise UserError("labels: this generator was trained without classes; leave them out")
            return None
        if labels is None:
            return torch.arange(n) % len(self.classes)
        if isinstance(labels, Tensor):
            numbers = labels.flatten().tolist()
            if wrong := [one for one in numbers if not isinstance(one, int) or not 0 <= one < len(self.classes)]:
                raise self._no_class(wrong[0])
        else:
            numbers = [self._number(one) for one in ([labels] if isinstance(labels, int | str) else labels)]
        if not 1 <= len(numbers) <= n:
            raise UserError(f"labels: there are {len(numbers)} for {n:,} images; need at least one, and at most n")
        return torch.tensor(numbers).repeat(-(-n // len(numbers)))[:n]

    def generate(self, latent: Tensor, labels: Labels | None = None) -> Tensor:
        """Images (n, C, H, W) float32 in [-1, 1] of latents (n, latent_dim), on the generator's device; gradients reach
        ``latent`` where it asks for them. ``labels`` as in ``labels()``. Raises UserError."""
        if latent.dim() != 2 or latent.shape[1] != self.latent_dim or not len(latent):
            found = "×".join(map(str, latent.shape))
            raise UserError(f"generate: found latents of shape {found}, need n×{self.latent_dim}")
        numbers = self.labels(len(latent), labels)
        condition = {} if numbers is None else {"labels": numbers.to(self.device)}
        # Every number counts here, and a GPU's convolutions would round theirs to ten bits.
        with torch.backends.cudnn.flags(enabled=torch.backends.cudnn.enabled, allow_tf32=False):
            images: Tensor = self.network(latent.to(self.device, torch.float32), condition).images
        return images.float()

    @torch.no_grad()
    def batches(
        self,
        n: int,
        seed: int = 0,
        labels: Labels | None = None,
        truncation: float | None = None,
        batch_size: int = 64,
    ) -> Iterator[Tensor]:
        """The images of ``sample`` in parts of ``batch_size``, float32 in [-1, 1], still on the generator's device."""
        batch_size = _whole("batch_size", batch_size, least=1)
        latent, numbers = self.latent(n, seed, truncation), self.labels(n, labels)
        for start in range(0, n, batch_size):
            part = slice(start, start + batch_size)
            yield self.generate(latent[part], None if numbers is None else numbers[part])

    def sample(
        self,
        n: int,
        seed: int = 0,
        labels: Labels | None = None,
        truncation: float | None = None,
        batch_size: int = 64,
        output: Literal["auto", "uint8", "float"] = "auto",
    ) -> Tensor:
        """``n`` images (n, C, H, W) on the CPU: ``uint8`` 0 … 255, or ``float``, float32 in [-1, 1]; auto is uint8, and
        float for points of the plane.

        The same seed, labels and truncation give the same images, to rounding, at any ``batch_size`` and on any device,
        and the first of more are those of fewer. Raises UserError.
        """
        if output not in ("auto", "uint8", "float"):
            raise UserError(f"output={output}: need uint8 or float")
        if output == "uint8" and self.is_of_points:
            raise UserError("output=uint8: points of the plane are no pixels; type output='float'")
        whole = output != "float" and not self.is_of_points
        parts = self.batches(n, seed, labels, truncation, batch_size)
        return torch.cat([(pixels(part) if whole else part).cpu() for part in parts])

    def _number(self, label: int | str) -> int:
        if str(label) in self.classes and not isinstance(label, bool):
            return self.classes.index(str(label))
        if isinstance(label, str | bool):
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


# ------------------------------------------------------------------------------------------------- what a file must say


def _read(source: str | Path, chosen: int | str | None) -> tuple[Path, dict[str, Any]]:
    """The file, and the generator's part of what is in it."""
    path = run_folder.find("latest").path if str(source) == "latest" else Path(os.path.expanduser(source))
    part = "/generator/"
    if os.path.isdir(path):  # False for any name; Path raises at one that is too long
        folder = path / "checkpoints" if (path / "checkpoints").is_dir() else path
        there = sorted(folder.glob(f"*{tree_file.SUFFIX}"))
        if not there:
            raise UserError(f"{path} holds no checkpoint; name the folder of a run that has saved one, or a file")
        if chosen is None:
            path, tree = newest(folder, part)
        else:
            name = f"step-{chosen:07d}" if isinstance(chosen, int) else chosen.removesuffix(tree_file.SUFFIX)
            path = folder / f"{name}{tree_file.SUFFIX}"
            if path not in there:
                names = ", ".join(one.stem for one in there)
                raise UserError(f"checkpoint={chosen}: {folder} has no {path.name}; there are {names}")
            tree = tree_file.read(path, part)
    else:
        if path.suffix in (".onnx", ".pt2"):
            raise UserError(
                f"{path}: this is for other programs to run; name the run folder or a file exported with "
                "format=safetensors"
            )
        if chosen is not None:
            raise UserError(f"checkpoint={chosen}: it chooses in a run folder, and {path} is none; leave it out")
        if not os.path.exists(path):
            raise UserError(f"{path}: there is no such run folder or file")
        tree = tree_file.read(path, part)
    if not isinstance(tree, dict) or not isinstance(tree.get("settings"), dict):
        raise UserError(f"{path} does not say with which settings it was trained; it holds no generator to load")
    return path, tree


def _understood(path: Path, tree: dict[str, Any]) -> tuple[Settings, Shapes, Model]:
    """What the generator is built from."""
    saved = tree["settings"]
    plain = {key: saved[key] for key in NEEDED if key in saved}
    if isinstance(saved.get("norm"), dict) and "generator" in saved["norm"]:
        plain["norm"] = {"generator": saved["norm"]["generator"]}
    if "model" not in tree and "data" in saved:  # of a version that did not keep it: the data must tell
        plain["data"] = saved["data"]
    try:
        model = parse(Model, tree["model"]) if "model" in tree else None
        settings, _ = auto.resolve(parse(Settings, plain))
    except Refused as error:
        named = saved.get("plugins")
        hint = f"; if you trust what it was trained with, load it with plugins={named}" if named else ""
        told = printable("; ".join(error.problems))
        raise UserError(f"{path}: its settings are not understood by this ganlab ({told}){printable(hint)}") from None
    shapes = shapes_of(settings, model)
    if model is not None:  # names from somebody's file, which a terminal would obey
        model = replace(model, class_names=tuple(map(printable, model.class_names)))
    return settings, shapes, model or Model(shapes.image, shapes.classes)


def _weights(path: Path, tree: dict[str, Any], wanted: Weights) -> tuple[Literal["average", "network"], dict[str, Any]]:
    """Which weights, and the weights."""
    part = tree.get("generator")
    holders: tuple[Literal["average", "network"], ...] = ("average", "network") if wanted == "auto" else (wanted,)
    for holder in holders:
        state = part.get(holder) if isinstance(part, dict) else None
        if isinstance(state, dict) and state and all(isinstance(one, Tensor) for one in state.values()):
            return holder, state
    if wanted == "auto":
        raise UserError(f"{path} holds no generator")
    other = "network" if wanted == "average" else "average"
    raise UserError(
        f"weights={wanted}: {path} does not hold {'an' if other == 'network' else 'the'} "
        f"{'average' if wanted == 'average' else 'network itself'}; type weights={other}"
    )


def _need_fitting(settings: Settings, shapes: Shapes, state: Mapping[str, Tensor]) -> None:
    """Sees that a generator of these settings has these weights before there is room made for it: a small file cannot
    ask for more memory than its own weights take. Raises ValueError, and what building raises."""
    total = sum(tensor.numel() for tensor in state.values())
    if shapes.classes > total:
        raise ValueError(f"{shapes.classes:,} classes, and {total:,} weights")
    if not type(settings.generator).__module__.startswith("ganlab."):
        return  # of a plugin, which is trusted, and need not build where nothing is made room for
    layers = max(getattr(settings.generator, "depth", 1), len(getattr(settings.generator, "hidden", ())))
    if layers > len(state):
        raise ValueError(f"{layers:,} layers, and {len(state):,} tensors")
    with torch.device("meta"):
        network = build_generator(settings, shapes)
    for name, tensor in network.state_dict().items():
        found = state.get(name)
        if found is None or found.shape != tensor.shape:
            there = "×".join(map(str, found.shape)) if found is not None else "not there"
            raise ValueError(f"{name}: {there}, need {'×'.join(map(str, tensor.shape))}")


def _whole(name: str, value: Any, least: int | None = None) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool) or (least is not None and number < least):
        raise UserError(f"{name}={value}: need a whole number{'' if least is None else f', at least {least}'}")
    return number


def _name(settings: Mapping[str, Any], key: str) -> str:
    """The name of a component in plain settings."""
    component = settings.get(key)
    if isinstance(component, Mapping) and "dataset" in component:  # torchvision's and the hub's: which one says more
        return printable(str(component["dataset"]))
    return printable(str(component.get("name", "?") if isinstance(component, Mapping) else component or "?"))
