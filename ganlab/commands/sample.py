"""`ganlab sample`, `python scripts/sample.py`: writes pictures of samples from a trained generator."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import torch
from PIL import Image
from torch import Tensor

from ganlab import run_folder
from ganlab.commands.terminal.arguments import Help, run_command
from ganlab.commands.terminal.loading_settings import Checkpoint, Device, Plugins, RunOrFile, Weights, generator_of
from ganlab.errors import UserError
from ganlab.monitor import animation
from ganlab.monitor.captions import display_names
from ganlab.monitor.grid import enlarge, grid, pixels
from ganlab.monitor.named_grid import named_grid
from ganlab.monitor.scatter import scatter
from ganlab.table import PATH, Positive, PositiveInt
from ganlab.trained import TrainedGenerator

SUMMARY = """pictures from a trained generator

  {program} run=latest                              64 samples in a grid, in the run's folder
  {program} run=RUN n=1000 mode=files out=FOLDER    one PNG each; of several classes, a folder each
  {program} run=RUN mode=interpolate                from one latent to another, a row for each pair
  {program} run=RUN mode=classes                    a row for each class, one latent a column
  {program} run=RUN mode=walk out=walk.gif          a closed path through some latents

The same seed gives the same pictures at any batch_size and on any device, up to rounding, and a smaller n gives the
first of them. Nothing is overwritten: if the file exists, a default name gets a number, and a typed name is refused."""

STILL, MOVING = (".png", ".jpg", ".jpeg", ".webp"), animation.SUFFIXES
MOST_COLUMNS = 16  # most classes for which a grid has one column each
MOST_NAMED = 30  # most classes whose names are printed


@dataclass(frozen=True)
class Sample:
    """The settings of the command. None is replaced by the default of the mode."""

    run: RunOrFile
    mode: Annotated[
        Literal["grid", "files", "interpolate", "classes", "walk"], Help("grid, files, interpolate, classes or walk")
    ] = "grid"
    n: Annotated[
        PositiveInt | None,
        Help(
            "how many: samples (64; points of the plane 2048), rows of interpolate and walk (8; moving, as many "
            "pictures side by side, 16), latents of classes (8)"
        ),
    ] = None
    seed: Annotated[int, Help("which ones")] = 0
    labels: Annotated[
        str | int | tuple[str | int, ...] | None,
        Help("classes by name or number, [0,1] or [cat,dog], one sample after the other; otherwise all in turn"),
    ] = None
    truncation: Annotated[Positive | None, Help("cut normal latents off there: better single images, less variety")] = (
        None
    )
    out: Annotated[
        str | None,
        PATH,
        Help(
            "a file, or a folder to put it in: .png .jpg .webp, of interpolate and walk also .gif .mp4; otherwise in "
            "the run's samples/, for a single file in the current folder"
        ),
    ] = None
    columns: Annotated[PositiveInt | None, Help("images side by side, in a grid and in moving pictures")] = None
    steps: Annotated[
        PositiveInt | None, Help("pictures from one latent to the next (interpolate 10, walk 4; moving 20)")
    ] = None
    stops: Annotated[PositiveInt | None, Help("latents on a walk (4)")] = None
    rate: Annotated[Positive | None, Help("pictures a second of a .gif or .mp4 (20)")] = None
    weights: Weights = "auto"
    checkpoint: Checkpoint = None
    batch_size: Annotated[PositiveInt, Help("how many are generated at once")] = 64
    device: Device = "auto"
    plugins: Plugins = ()


USED = {  # settings that not every mode has, and the modes that have them
    "columns": ("grid", "interpolate", "walk"),
    "steps": ("interpolate", "walk"),
    "stops": ("walk",),
    "rate": ("interpolate", "walk"),
}


def main(arguments: Sequence[str] | None = None, program: str = "sample.py") -> int:
    """Runs the command and returns its exit code: 0 done, 2 refused."""
    return run_command(Sample, sample, arguments, program, SUMMARY)


def sample(settings: Sample) -> None:
    """Writes the picture, and prints its path. Raises UserError."""
    for key, modes in USED.items():
        if getattr(settings, key) is not None and settings.mode not in modes:
            raise UserError(f"{key}: mode={settings.mode} does not use it, {' and '.join(modes)} do; leave it out")
    generator = generator_of(settings, settings.device)
    if generator.is_of_points and settings.mode != "grid":
        raise UserError(f"mode={settings.mode}: these samples are points of the plane; mode=grid shows them")
    if settings.mode == "classes" and not generator.classes:
        raise UserError("mode=classes: this generator was trained without classes; mode=grid shows what it makes")
    path = place(settings, generator)
    try:
        MODES[settings.mode](settings, generator, path)
    except OSError as error:
        raise UserError(f"{path}: it cannot be written there ({error.strerror or error}); type out=…") from error
    print(f"{generator.description}\n{run_folder.shown(path)}")


def place(settings: Sample, generator: TrainedGenerator) -> Path:
    """Returns the path of the picture, which does not exist yet. Raises UserError if the picture could not be written
    there."""
    moves = settings.mode in ("interpolate", "walk")
    suffix = "" if settings.mode == "files" else ".gif" if settings.mode == "walk" else ".png"
    name = f"{settings.mode}-{generator.step:07d}-{generator.weights}-seed-{settings.seed}{suffix}"
    if settings.out is None:
        run = Path(settings.run) if settings.run != "latest" else generator.path.parent.parent
        path = run_folder.unused((run / "samples" if run.is_dir() else Path()) / name)
    elif settings.mode == "files":
        path = Path(settings.out)
        if path.is_file() or (path.is_dir() and any(path.iterdir())):
            raise UserError(f"out={settings.out}: it is not empty; type another folder")
    elif Path(settings.out).is_dir() or not Path(settings.out).suffix:
        path = run_folder.unused(Path(settings.out) / name)
    else:
        path = Path(settings.out)
        if path.exists():
            raise UserError(f"out={settings.out}: the file exists already; type another name")
    if settings.mode != "files":
        allowed = STILL + (MOVING if moves else ())
        if path.suffix.lower() not in allowed:
            raise UserError(f"out={path}: mode={settings.mode} makes {', '.join(allowed)}; type a name that ends so")
        if _is_moving(path):
            animation.check(path)
        elif settings.rate is not None:
            raise UserError(f"rate: it is of moving pictures, and {path.name} is none; type out=….gif")
        elif moves and settings.columns is not None:
            raise UserError("columns: a strip has as many as there are steps; type steps=…, or out=….gif")
    return path


# ------------------------------------------------------------------------------------------------------------ the modes


def _grid(settings: Sample, generator: TrainedGenerator, path: Path) -> None:
    if generator.is_of_points:
        points = torch.cat([part.cpu() for part in _batches(settings, generator, settings.n or 2048)])
        nothing = torch.empty(0, *generator.image_shape)
        _save(scatter(nothing, points, f"{generator.weights}, step {generator.step:,}"), path)
        return
    images = torch.cat([part.cpu() for part in _batches(settings, generator, settings.n or 64)])
    columns = settings.columns
    names: tuple[str, ...] = ()
    if generator.classes:
        turn = len(generator.classes if settings.labels is None else _listed(settings.labels))
        if columns is None and 1 < turn <= MOST_COLUMNS:  # one column per class
            columns = turn
        names = _names(settings, generator, turn) if turn == columns else ()
    _save(named_grid(images, columns, column_names=names[: len(images)]).pixels, path)


def _files(settings: Sample, generator: TrainedGenerator, path: Path) -> None:
    count = settings.n or 64
    labels = generator.labels(count, settings.labels)
    digits = max(len(str(count - 1)), 5)
    number = 0
    for part in _batches(settings, generator, count):
        for image in pixels(part.cpu()):
            # One folder per class, which data=image_folder reads as classes.
            folder = path if labels is None else path / _folder_name(int(labels[number]), generator.classes)
            _save(image, folder / f"{number:0{digits}d}.png")
            number += 1


def _interpolate(settings: Sample, generator: TrainedGenerator, path: Path) -> None:
    """Writes a row for each pair of latents, from the first to the second, both included; a moving picture goes there
    and back."""
    rows = settings.n or (16 if _is_moving(path) else 8)
    steps = settings.steps or (20 if _is_moving(path) else 10)
    if steps < 2:
        raise UserError(f"steps={steps}: the two ends are two pictures already; type steps=2 or more")
    start, end = generator.latent(2 * rows, settings.seed, settings.truncation).unflatten(0, (rows, 2)).unbind(1)
    way = torch.stack([generator.between(start, end, step / (steps - 1)) for step in range(steps)])
    _save_way(settings, generator, path, way, back=True)


def _walk(settings: Sample, generator: TrainedGenerator, path: Path) -> None:
    """Writes a closed path from latent to latent, and from the last to the first, so that a moving picture repeats
    seamlessly."""
    rows = settings.n or (16 if _is_moving(path) else 8)
    stops, steps = settings.stops or 4, settings.steps or (20 if _is_moving(path) else 4)
    latent = generator.latent(rows * stops, settings.seed, settings.truncation).unflatten(0, (rows, stops))
    way = torch.stack([
        generator.between(latent[:, stop], latent[:, (stop + 1) % stops], step / steps)
        for stop in range(stops)
        for step in range(steps)
    ])  # fmt: skip
    _save_way(settings, generator, path, way, back=False)


def _classes(settings: Sample, generator: TrainedGenerator, path: Path) -> None:
    """Writes one row per class and one column per latent, which shows what depends on the class."""
    columns = settings.n or 8
    latent = generator.latent(columns, settings.seed, settings.truncation)
    rows = len(generator.classes if settings.labels is None else _listed(settings.labels))
    labels = generator.labels(max(rows, 1), settings.labels)
    assert labels is not None
    images = _generated(settings, generator, latent.repeat(len(labels), 1), labels.repeat_interleave(columns))
    _save(named_grid(images, columns, row_names=_names(settings, generator, len(labels))).pixels, path)
    if len(labels) <= MOST_NAMED:
        print("Rows:", ", ".join(generator.classes[label] for label in labels.tolist()))


MODES: dict[str, Callable[[Sample, TrainedGenerator, Path], None]] = {
    "grid": _grid, "files": _files, "interpolate": _interpolate, "classes": _classes, "walk": _walk
}  # fmt: skip


# ----------------------------------------------------------------------------------------------------- shared helpers


def _listed(labels: str | int | tuple[str | int, ...]) -> tuple[str | int, ...]:
    return labels if isinstance(labels, tuple) else (labels,)


def _batches(settings: Sample, generator: TrainedGenerator, count: int) -> Iterator[Tensor]:
    return generator.batches(count, settings.seed, settings.labels, settings.truncation, settings.batch_size)


@torch.no_grad()
def _generated(settings: Sample, generator: TrainedGenerator, latent: Tensor, labels: Tensor | None) -> Tensor:
    """Returns images on the CPU for latents (n, dim) and class numbers (n,), generated in batches of
    ``batch_size``."""
    size = settings.batch_size
    labels_of = [None] * len(latent) if labels is None else labels.split(size)
    return torch.cat([generator.generate(*part).cpu() for part in zip(latent.split(size), labels_of, strict=False)])


def _save_way(settings: Sample, generator: TrainedGenerator, path: Path, way: Tensor, back: bool) -> None:
    """Writes latents (steps, rows, dim) as a strip with one row each, or as a moving picture with all rows side by
    side."""
    steps, rows = way.shape[:2]
    labels = generator.labels(rows, settings.labels)
    if not _is_moving(path):
        labels_of = None if labels is None else labels.repeat_interleave(steps)
        images = _generated(settings, generator, way.transpose(0, 1).flatten(0, 1), labels_of)
        names = () if labels is None else _names(settings, generator, rows)
        _save(named_grid(images, steps, row_names=names).pixels, path)
        return
    labels_of = None if labels is None else labels.repeat(steps)
    images = _generated(settings, generator, way.flatten(0, 1), labels_of).unflatten(0, (steps, rows))
    path.parent.mkdir(parents=True, exist_ok=True)
    frames = [enlarge(grid(moment, columns=settings.columns)) for moment in images]
    animation.save(frames + frames[-2:0:-1] if back else frames, path, settings.rate or 20)


def _names(settings: Sample, generator: TrainedGenerator, count: int) -> tuple[str, ...]:
    """Returns the names of the classes of the first ``count`` labels, for the margin of a picture."""
    labels = generator.labels(count, settings.labels)
    assert labels is not None
    shown = display_names(generator.classes)
    return tuple(shown[label] for label in labels.tolist())


def _save(picture: Tensor, path: Path) -> None:
    """Writes a picture (C, H, W) uint8, grey or in colour."""
    path.parent.mkdir(parents=True, exist_ok=True)  # only when there is a picture to write
    picture = picture[0] if picture.shape[0] == 1 else picture.permute(1, 2, 0)
    Image.fromarray(picture.contiguous().numpy()).save(path)


def _is_moving(path: Path) -> bool:
    return path.suffix.lower() in MOVING


def _folder_name(number: int, classes: tuple[str, ...]) -> str:
    """Returns a folder name for a class, in characters that every file system allows, and with the class's number,
    since two names could become equal."""
    width = len(str(len(classes) - 1))
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", classes[number]).strip("-.")[:60]
    return f"{number:0{width}d}" if name in ("", str(number)) else f"{number:0{width}d}-{name}"
