"""``ganlab.load``: loads a trained generator from a run folder, a checkpoint or an exported file.

Only tensors and JSON are read, and names are looked up in tables, so a file from another person cannot run code.
Neither the data nor the configuration files nor Hydra are needed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from ganlab import run_folder, tree_file
from ganlab.config import auto
from ganlab.config.build import build_generator
from ganlab.config.model import Model, shapes_of
from ganlab.config.parse import parse
from ganlab.config.plugins import import_plugins
from ganlab.config.settings import Settings
from ganlab.data.source import printable
from ganlab.errors import Refused, UserError, in_one_line
from ganlab.networks import parametrize
from ganlab.python_arguments import whole_number
from ganlab.trained import TrainedGenerator
from ganlab.training.checkpoint import newest
from ganlab.training.device import find_device
from ganlab.types import Shapes

Weights = Literal["auto", "average", "network"]

NEEDED = ("seed", "generator", "condition", "latent")
"""The saved settings from which a generator is built. The others are not parsed, so that a plugin's loss, or a data
set that has been renamed, does not prevent loading."""


def load(
    source: str | Path,
    weights: Weights = "auto",
    device: str = "auto",
    plugins: Sequence[str] = (),
    checkpoint: int | str | None = None,
) -> TrainedGenerator:
    """Loads the generator of a run folder (``latest``: that of the newest run), a checkpoint, or an exported
    ``.safetensors``.

    ``weights`` selects the ``average`` of the weights, the ``network`` itself, or ``auto``, the average if there is
    one. ``device``: auto, cpu, mps, cuda, cuda:1. ``plugins`` are modules to import first, for a plugin's
    architecture; those that the file names are not imported. ``checkpoint`` selects one of a run folder by its step
    or its name, such as final; by default it is the one with the most steps. Raises UserError.
    """
    if weights not in ("auto", "average", "network"):
        raise UserError(f"weights={weights}: need auto, average or network")
    if plugins:
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
    except (RuntimeError, ValueError, TypeError, MemoryError, OverflowError) as error:  # those that PyTorch raises
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
        versions=_versions(tree.get("versions")),
    )


def _versions(saved: Any) -> dict[str, str]:
    """Returns the saved versions, cleaned, since a file from another person may contain anything."""
    pairs = list(saved.items())[:20] if isinstance(saved, dict) else []
    return {printable(str(name))[:40]: printable(str(version))[:80] for name, version in pairs}


def _read(source: str | Path, chosen: int | str | None) -> tuple[Path, dict[str, Any]]:
    """Returns the path of the file, and the generator's part of its content."""
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
            if isinstance(chosen, str):
                name = chosen.removesuffix(tree_file.SUFFIX)
            else:
                name = f"step-{whole_number('checkpoint', chosen):07d}"
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
    """Returns the settings, shapes and model from which the generator is built. Raises UserError."""
    saved = tree["settings"]
    plain = {key: saved[key] for key in NEEDED if key in saved}
    if isinstance(saved.get("norm"), dict) and "generator" in saved["norm"]:
        plain["norm"] = {"generator": saved["norm"]["generator"]}
    if "model" not in tree and "data" in saved:  # an earlier version did not store it: it follows from the data
        plain["data"] = saved["data"]
    try:
        model = parse(Model, tree["model"]) if "model" in tree else None
        settings, _ = auto.resolve(parse(Settings, plain))
    except Refused as error:
        named = saved.get("plugins")
        hint = f"; if you trust what it was trained with, load it with plugins={named}" if named else ""
        reasons = printable("; ".join(error.problems))
        raise UserError(
            f"{path}: its settings are not understood by this ganlab ({reasons}){printable(hint)}"
        ) from None
    shapes = shapes_of(settings, model)
    if model is not None:  # names from a file, without a terminal's control characters
        model = replace(model, class_names=tuple(map(printable, model.class_names)))
    return settings, shapes, model or Model(shapes.image, shapes.classes)


def _weights(path: Path, tree: dict[str, Any], wanted: Weights) -> tuple[Literal["average", "network"], dict[str, Any]]:
    """Returns the kind of weights, and the weights. Raises UserError if the file does not have them."""
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
    """Checks that a generator of these settings has these weights, before memory is allocated for it, so that a small
    file cannot cause a larger allocation than its own weights. Raises ValueError, and the errors of building."""
    total = sum(tensor.numel() for tensor in state.values())
    if shapes.classes > total:
        raise ValueError(f"{shapes.classes:,} classes, and {total:,} weights")
    if not type(settings.generator).__module__.startswith("ganlab."):
        return  # a plugin's generator is trusted, and need not build on the meta device
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
