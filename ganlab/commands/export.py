"""`ganlab export`, `python scripts/export.py`: writes a trained generator to files for other programs."""

from __future__ import annotations

import copy
import json
import logging
import os
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from torch import Tensor, nn

from ganlab import __version__, run_folder, tree_file
from ganlab.atomic_write import replacing
from ganlab.commands.model_card import model_card
from ganlab.commands.terminal.arguments import Help, run_command
from ganlab.commands.terminal.loading_settings import Checkpoint, Plugins, RunOrFile, Weights, generator_of
from ganlab.config.dump import dump
from ganlab.config.model import Model
from ganlab.errors import UserError
from ganlab.networks import fold
from ganlab.table import PATH
from ganlab.trained import TrainedGenerator

SUMMARY = """a trained generator as a file for other programs

  {program} run=latest                        weights and settings, for ganlab.load(FILE)
  {program} run=RUN format=onnx               for onnxruntime and others, at any batch size
  {program} run=RUN format=torch_export       for torch.export.load(FILE).module(), which needs no ganlab

Beside it go NAME.json, the configuration, and NAME.md, the model card. Nothing is overwritten: if the
file exists, a default name gets a number, and a typed name is refused. The files contain no path of this machine."""

SUFFIXES = {"safetensors": ".safetensors", "onnx": ".onnx", "torch_export": ".pt2"}


@dataclass(frozen=True)
class Export:
    """The settings of the command."""

    run: RunOrFile
    format: Annotated[Literal["safetensors", "onnx", "torch_export"], Help("safetensors, onnx or torch_export")] = (
        "safetensors"
    )
    out: Annotated[
        str | None, PATH, Help("a file; otherwise in the run's export/FORMAT/, for a single file in the current folder")
    ] = None
    weights: Weights = "auto"
    checkpoint: Checkpoint = None
    plugins: Plugins = ()


def main(arguments: Sequence[str] | None = None, program: str = "export.py") -> int:
    """Runs the command and returns its exit code: 0 done, 2 refused."""
    return run_command(Export, export, arguments, program, SUMMARY)


def export(settings: Export) -> None:
    """Writes the files, and prints their paths. Raises UserError."""
    if settings.format == "onnx" and (reason := without_onnx()):
        raise UserError(f"format=onnx: {reason}")
    generator = generator_of(settings, "cpu")
    path, run = place(settings, generator)
    described = description(generator)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        WRITERS[settings.format](generator, described, path)
        described_text = json.dumps({"file": path.name, **described}, indent=2) + "\n"
        path.with_suffix(".json").write_text(described_text, encoding="utf-8")
        card = model_card(generator, described, path.name, settings.format, run)
        path.with_suffix(".md").write_text(card, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise UserError(f"{path}: it cannot be written there ({error.strerror or error}); type out=…") from error
    print(generator.description)
    for suffix in (path.suffix, ".json", ".md"):
        print(run_folder.shown(path.with_suffix(suffix)))


def without_onnx() -> str | None:
    """Returns why nothing can be exported to ONNX here and what to type, or None."""
    if missing := [one for one in ("onnx", "onnxscript") if find_spec(one) is None]:
        return f"it needs {' and '.join(missing)}; type pip install 'ganlab-train[onnx]'"
    # Tried: PyTorch 2.6.0 with onnxscript 0.2.0, 0.2.3, 0.2.5 and 0.2.7, which work, with 0.3.0, 0.5.0 and 0.7.2, which
    # do not; PyTorch 2.7.0 with 0.7.2, which works.
    if _release(torch.__version__) < (2, 7) and _release(script := version("onnxscript")) >= (0, 3):
        return (
            f"PyTorch {torch.__version__} and onnxscript {script} do not work together; type pip install 'torch>=2.7', "
            "or pip install 'onnxscript<0.3'"
        )
    return None


def _release(version: str) -> tuple[int, int]:
    major, minor = version.split(".")[:2]
    return int(major), int(minor)


def place(settings: Export, generator: TrainedGenerator) -> tuple[Path, Path | None]:
    """Returns the path of the file, which does not exist yet, and the folder of its run. Raises UserError."""
    suffix = SUFFIXES[settings.format]
    source = generator.path.parent.parent if settings.run == "latest" else Path(os.path.expanduser(settings.run))
    inside = generator.path.parent.name == "checkpoints"
    run = generator.path.parent.parent if inside else None
    if settings.out is None:
        folder = source / "export" / settings.format if source.is_dir() else Path()
        name = f"generator-{generator.step:07d}-{generator.weights}"
        return run_folder.unused(folder / f"{name}{suffix}"), run
    path = Path(settings.out)
    if path.is_dir() or not path.suffix:
        raise UserError(f"out={path}: format={settings.format} makes one file; type out={path / 'generator'}{suffix}")
    if path.suffix != suffix:
        raise UserError(
            f"out={path}: format={settings.format} makes a {suffix} file; type out={path.with_suffix(suffix)}"
        )
    if there := [one.name for end in (suffix, ".json", ".md") if (one := path.with_suffix(end)).exists()]:
        raise UserError(f"out={path}: there is {' and '.join(there)} already; type another name")
    return path, run


def description(generator: TrainedGenerator) -> dict[str, Any]:
    """Returns the description of the generator for other programs; ``settings`` and ``model`` are read by
    ``ganlab.load``."""
    inputs: dict[str, Any] = {"latent": {"shape": ["batch", generator.latent_dim], "type": "float32"}}
    if generator.classes:
        inputs["labels"] = {"shape": ["batch"], "type": "int64", "range": [0, len(generator.classes) - 1]}
    for name, shape in generator.sources.items():
        inputs[name] = {"shape": ["batch", *shape], "type": "float32", "range": [-1, 1]}
    latent = _without_places(dict(generator.settings)).get("latent")
    return {
        "ganlab": __version__,
        "versions": dict(generator.versions),
        "inputs": inputs,
        "outputs": {"images": {"shape": ["batch", *generator.image_shape], "type": "float32", "range": [-1, 1]}},
        "latent": latent,
        "classes": list(generator.classes),
        "parameters": sum(parameter.numel() for parameter in generator.network.parameters()),
        "step": generator.step,
        "weights": generator.weights,
        "model": dump(Model, generator.model),
        "settings": _without_places(dict(generator.settings)),
    }


def _without_places(node: Any, key: str = "") -> Any:
    """Returns plain settings in which each path is replaced by its last part, without the folders that contain it.
    The name of a public data set, ``owner/name``, is kept."""
    if isinstance(node, dict):
        return {name: _without_places(value, name) for name, value in node.items()}
    if isinstance(node, list):
        return [_without_places(value, key) for value in node]
    if not isinstance(node, str) or not re.search(r"[/\\]|^~", node):
        return node
    if (
        key == "dataset"
        and re.fullmatch(r"[\w.-]+/[\w.-]+", node)
        and not node.startswith(".")
        and not Path(node).exists()
    ):
        return node
    return re.split(r"[/\\]", node.rstrip("/\\"))[-1]


# ---------------------------------------------------------------------------------------------------------- the formats


class Images(nn.Module):
    """The generator as a module for other programs: maps latents (n, dim) and the condition, in the order of
    ``Shapes.example_condition`` (labels (n,), then images (n, C, H, W) to translate), to images (n, C, H, W).

    It is a copy whose stored weights are those that the layers apply, so that no parametrization is computed.
    """

    def __init__(self, generator: TrainedGenerator) -> None:
        super().__init__()
        self.network = copy.deepcopy(generator.network)
        self.names = tuple(generator.shapes.example_condition(1))
        fold(self.network)

    def forward(self, latent: Tensor, *condition: Tensor) -> Tensor:
        images: Tensor = self.network(latent, dict(zip(self.names, condition, strict=True))).images
        return images


def _example(generator: TrainedGenerator) -> tuple[Tensor, ...]:
    # The batch size is not 1 and differs from all other sizes, so that no exporter identifies it with another axis.
    return generator.latent(5), *generator.shapes.example_condition(5).values()


def _dynamic(example: tuple[Tensor, ...], batch: Any) -> tuple[Any, ...]:
    """Returns the dynamic shapes of ``Images.forward(latent, *condition)``: the first axis of each input."""
    condition = tuple({0: batch} for _ in example[1:])
    return ({0: batch}, condition) if condition else ({0: batch},)


def _traced(generator: TrainedGenerator) -> torch.export.ExportedProgram:
    example = _example(generator)
    batch = torch.export.Dim("batch", min=1)
    # strict=False, the default of newer PyTorch, runs the Python of the networks. PyTorch 2.6 would otherwise translate
    # it with Dynamo, which does not know isinstance(…, A | B).
    program = torch.export.export(
        Images(generator).eval(), example, dynamic_shapes=_dynamic(example, batch), strict=False
    )
    for module in program.graph_module.modules():
        for node in module.graph.nodes if isinstance(module, torch.fx.GraphModule) else ():
            node.meta.pop("stack_trace", None)  # source lines that contain folders of this machine
    return program


def _write_safetensors(generator: TrainedGenerator, described: Mapping[str, Any], path: Path) -> None:
    tree = {
        "settings": described["settings"],
        "model": described["model"],
        "step": generator.step,
        "versions": described["versions"],
        "generator": {generator.weights: generator.network.state_dict()},
    }
    tree_file.write(path, tree)


def _write_onnx(generator: TrainedGenerator, described: Mapping[str, Any], path: Path) -> None:
    example = _example(generator)
    names = ["latent", *generator.shapes.example_condition(1)]
    batch = torch.export.Dim("batch", min=1)
    with _quiet():
        program = torch.onnx.export(
            Images(generator).eval(),
            example,
            input_names=names,
            output_names=["images"],
            dynamic_shapes=_dynamic(example, batch),
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    for key in ("ganlab", "step", "weights", "classes", "latent"):
        value = described[key]
        program.model.metadata_props[f"ganlab.{key}"] = value if isinstance(value, str) else json.dumps(value)
    for nodes in (program.model.graph, *program.model.functions.values()):
        for node in nodes:
            for key in [key for key in node.metadata_props if "stack_trace" in key]:
                del node.metadata_props[key]  # source lines that contain folders of this machine
    _replace(path, lambda partial: program.save(partial, external_data=False))


def _write_torch_export(generator: TrainedGenerator, described: Mapping[str, Any], path: Path) -> None:
    program = _traced(generator)
    notes = {"ganlab.json": json.dumps({key: described[key] for key in described if key != "settings"})}
    _replace(path, lambda partial: torch.export.save(program, partial, extra_files=notes))


WRITERS: dict[str, Callable[[TrainedGenerator, Mapping[str, Any], Path], None]] = {
    "safetensors": _write_safetensors,
    "onnx": _write_onnx,
    "torch_export": _write_torch_export,
}


def _replace(path: Path, write: Callable[[Path], object]) -> None:
    """Calls ``write`` with a temporary path, and renames the file when it is complete. The temporary path has the
    same suffix, which the exporters require."""
    with replacing(path, f".partial-{path.name}") as partial:
        write(partial)


@contextmanager
def _quiet() -> Iterator[None]:
    """Returns a context in which the exporter prints no messages for its own developers."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
