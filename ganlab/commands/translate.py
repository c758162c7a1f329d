"""`ganlab translate`, `python scripts/translate.py`: translates pictures with a generator that was trained on pairs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from ganlab import run_folder
from ganlab.commands.terminal.arguments import Help, run_command
from ganlab.commands.terminal.loading_settings import Checkpoint, Device, Plugins, RunOrFile, Weights, generator_of
from ganlab.commands.terminal.program import command_here
from ganlab.errors import UserError, in_one_line
from ganlab.monitor.grid import pixels
from ganlab.table import PATH, PositiveInt
from ganlab.trained import TrainedGenerator

SUMMARY = """pictures translated by a generator that was trained on pairs

  {program} run=RUN images=FOLDER out=FOLDER               one PNG for each picture, with its name
  {program} run=RUN images=a.png out=FOLDER                a single one
  {program} run=RUN images=FOLDER out=FOLDER beside=true   source and result side by side

RUN was trained with condition=image, such as experiment=digits_from_outlines. Pictures of another shape
are cropped in the middle and resized. Nothing is overwritten."""

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif")
MODES = {1: "L", 3: "RGB", 4: "RGBA"}


@dataclass(frozen=True)
class Translate:
    """The settings of the command."""

    run: RunOrFile
    images: Annotated[str, PATH, Help("a picture, or a folder of pictures, also in folders inside of it")]
    out: Annotated[str, PATH, Help("the folder of the results, which is made; it must be empty")]
    beside: Annotated[bool, Help("whether each result has its source at its left")] = False
    seed: Annotated[int, Help("which latents, if the generator has some")] = 0
    weights: Weights = "auto"
    checkpoint: Checkpoint = None
    batch_size: Annotated[PositiveInt, Help("how many are translated at once")] = 16
    device: Device = "auto"
    plugins: Plugins = ()


def main(arguments: Sequence[str] | None = None, program: str = "translate.py") -> int:
    """Runs the command and returns its exit code: 0 done, 2 refused."""
    return run_command(Translate, translate, arguments, program, SUMMARY)


def translate(settings: Translate) -> None:
    """Writes the translated pictures, and prints how many. Raises UserError."""
    files, out = picture_files(settings.images), Path(os.path.expanduser(settings.out))
    if out.is_file() or (out.is_dir() and any(out.iterdir())):
        raise UserError(f"out={settings.out}: it is not empty; type another folder")
    generator = generator_of(settings, settings.device)
    name, shape = _source_of(generator)
    latent = generator.latent(1, settings.seed)
    print(generator.description)
    written, skipped = 0, list[str]()
    for paths, sources in _batches(files, shape, settings.batch_size, skipped):
        with torch.no_grad():
            results = pixels(generator.generate(latent.expand(len(sources), -1), **{name: sources}).cpu())
        for path, source, result in zip(paths, sources, results, strict=True):
            both = torch.cat([_as_channels(source, len(result)), result], dim=2) if settings.beside else result
            _save(both, _place(path, settings.images, out))
            written += 1
    for line in skipped:
        print(f"skipped: {line}")
    if not written:
        raise UserError(f"images={settings.images}: none of the files could be read as a picture")
    print(f"{written:,} pictures in {run_folder.shown(out)}")


def picture_files(images: str) -> list[Path]:
    """Returns the picture files of a file or folder, sorted by path. Raises UserError if there are none."""
    path = Path(os.path.expanduser(images))
    if not path.exists():
        raise UserError(f"images={images}: there is no such file or folder; type one that holds pictures")
    files = [path] if path.is_file() else sorted(one for one in path.rglob("*") if one.suffix.lower() in SUFFIXES)
    if not files:
        raise UserError(f"images={images}: there is no picture ({' '.join(SUFFIXES)} are looked for)")
    return files


def read_picture(path: Path, shape: tuple[int, int, int]) -> Tensor:
    """Returns the picture (C, H, W) uint8, cropped in the middle to the shape's proportions and resized to it. Raises
    UserError if it cannot be read."""
    count, height, width = shape
    try:
        with Image.open(path) as opened:
            picture = ImageOps.exif_transpose(opened).convert(MODES[count])
            fitted = ImageOps.fit(picture, (width, height), Image.Resampling.LANCZOS)
    except Exception as error:  # Pillow raises errors of many types
        raise UserError(f"{path}: it cannot be read as a picture ({in_one_line(error)})") from error
    values = torch.from_numpy(np.asarray(fitted).copy())
    return values[None] if count == 1 else values.permute(2, 0, 1).contiguous()


def _source_of(generator: TrainedGenerator) -> tuple[str, tuple[int, int, int]]:
    """Returns name and shape of the image that the generator translates. Raises UserError if there is not one."""
    if len(generator.sources) == 2:
        raise UserError(f"run: it draws a content in a style; type {command_here('stylize')} for text and fonts")
    if len(generator.sources) != 1:
        raise UserError(
            f"run: its generator takes {len(generator.sources) or 'no'} images, and one is translated; train one with "
            f"experiment=digits_from_outlines, or sample this one with {command_here('sample')}"
        )
    ((name, shape),) = generator.sources.items()
    if shape[0] not in MODES:
        raise UserError(f"run: its source has {shape[0]} channels, and pictures have 1, 3 or 4; use ganlab.load(RUN)")
    return name, shape


def _batches(
    files: Sequence[Path], shape: tuple[int, int, int], size: int, skipped: list[str]
) -> Iterator[tuple[list[Path], Tensor]]:
    """Yields paths and pictures (n, C, H, W) uint8; adds files that cannot be read to ``skipped``."""
    paths: list[Path] = []
    pictures: list[Tensor] = []
    for file in files:
        try:
            pictures.append(read_picture(file, shape))
            paths.append(file)
        except UserError as error:
            skipped.append(str(error))
        if len(pictures) == size:
            yield paths, torch.stack(pictures)
            paths, pictures = [], []
    if pictures:
        yield paths, torch.stack(pictures)


def _place(path: Path, images: str, out: Path) -> Path:
    """Returns the path of a result: that of its source within the folder, as PNG. Files that differ in their suffix
    alone get a number."""
    root = Path(os.path.expanduser(images))
    inside = path.relative_to(root) if root.is_dir() else Path(path.name)
    return run_folder.unused((out / inside).with_suffix(".png"))


def _as_channels(source: Tensor, channels: int) -> Tensor:
    """Returns a picture (C, H, W) with as many channels as the result, grey or in colour."""
    if len(source) == channels:
        return source
    return source[:1].expand(channels, -1, -1) if len(source) == 1 else source[:3].float().mean(0)[None].to(torch.uint8)


def _save(picture: Tensor, path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        values = picture[0] if len(picture) == 1 else picture.permute(1, 2, 0)
        Image.fromarray(values.contiguous().numpy()).save(path)
    except OSError as error:
        raise UserError(f"{path}: it cannot be written there ({error.strerror or error}); type out=…") from error
