"""Scores of a generator that translates images, beside the true image of each source, for each part of the data."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganlab.atomic_write import write_atomically
from ganlab.config.evaluators import Split, reals_of
from ganlab.config.settings import Settings
from ganlab.data import ImageSet
from ganlab.data.source import Drawn, some
from ganlab.data.typefaces.nearest_style import nearest_style
from ganlab.evaluation.features import Features
from ganlab.evaluation.features.base import as_images
from ganlab.evaluation.features.classifier import Classifier, shrunk
from ganlab.evaluation.lpips import Distance
from ganlab.evaluation.paired import paired_scores
from ganlab.evaluation.scores import BATCH, Evaluator
from ganlab.image_cache import folder_of
from ganlab.monitor.grid import pixels
from ganlab.trained import TrainedGenerator

LEAST = 10  # images of a part; scores of distributions need as many
FILE = "pairs.json"
LOWER_IS_BETTER = ("l1", "rmse", "lpips", "fid")


@dataclass(frozen=True)
class Judge:
    """A classifier of one set of labels, such as fonts, trained on real images of all parts: its ``accuracy`` in [0, 1]
    on a tenth of them that it was not trained on, and a function from images (n, C, H, W) uint8 to classes (n,)."""

    accuracy: float
    classes_of: Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class PairedScores:
    """The scores of each part of the data: ``parts`` maps its name to columns (the generator and the baselines), and
    these to scores by name. ``counts`` are the numbers of images, ``judges`` the accuracies of the judges."""

    parts: Mapping[str, Mapping[str, Mapping[str, float]]]
    counts: Mapping[str, int]
    judges: Mapping[str, float] = field(default_factory=dict)

    def text(self) -> str:
        """Returns a table for each part, and the accuracies of the judges on real images."""
        blocks = [_table(name, self.counts[name], columns) for name, columns in self.parts.items()]
        for name, accuracy in self.judges.items():
            blocks.append(
                f"The judge of the {name} is right on {accuracy:.1%} of real images that it was not trained on."
            )
        return "\n".join(blocks)

    def save(self, folder: Path, **facts: Any) -> None:
        """Writes pairs.json with all scores and more ``facts``. Raises OSError."""
        plain = {**facts, "images": dict(self.counts), "judges": dict(self.judges), "parts": self.parts}
        write_atomically(folder / FILE, json.dumps(plain, indent=2) + "\n")


def score_pairs(
    generator: TrainedGenerator, settings: Settings, image_set: ImageSet, split: Split, features: Features, most: int,
    seed: int, lpips: Distance | None = None,
) -> PairedScores:  # fmt: skip
    """Returns the scores of the generator and of copies, on at most ``most`` images of each part. ``seed`` is that of
    the latents; ``lpips`` is a further score."""
    judges = dict(_judges(settings, image_set, generator.device))
    parts: dict[str, dict[str, dict[str, float]]] = {}
    counts: dict[str, int] = {}
    for name, every in _parts(image_set, split):
        rows = np.sort(some(every, most, "pairs") if len(every) > most else every)
        if len(rows) < LEAST:
            continue
        evaluator = Evaluator(
            replace(reals_of(settings, image_set), rows=rows), features, generator.device,
            folder_of(settings.runtime.cache), learned=reals_of(settings, image_set),
        )  # fmt: skip
        true = _images(image_set.images, rows)
        columns = {
            column: _scores(images, true[torch.from_numpy(kept)], rows[kept], image_set, evaluator, judges, lpips)
            for column, images, kept in _columns(generator, settings, image_set, rows, seed)
        }
        parts[name], counts[name] = columns, len(rows)
    return PairedScores(parts, counts, {name: judge.accuracy for name, judge in judges.items()})


def _parts(image_set: ImageSet, split: Split) -> Iterator[tuple[str, np.ndarray]]:
    """Yields the names and rows of the parts: the training images, and those that were held out, by their kind."""
    if split == "test":
        yield "test", image_set.rows
        return
    yield "training", image_set.rows
    if image_set.parts:
        yield from image_set.parts.items()
    elif len(image_set.held_out):
        yield "held_out", image_set.held_out


def _columns(
    generator: TrainedGenerator, settings: Settings, image_set: ImageSet, rows: np.ndarray, seed: int
) -> Iterator[tuple[str, Tensor, np.ndarray]]:
    """Yields the name of each column, its images (n, C, H, W) uint8, and the places of their rows in ``rows``."""
    every = np.arange(len(rows))
    sources = {name: _bytes(image_set.aligned_images(name, rows)) for name in generator.sources}
    latent = generator.latent(len(rows), seed)
    with torch.no_grad():
        drawn = torch.cat([
            pixels(generator.generate(latent[part], **{name: images[part] for name, images in sources.items()}).cpu())
            for part in (slice(start, start + BATCH) for start in range(0, len(rows), BATCH))
        ])  # fmt: skip
    yield "generator", drawn, every
    first = next(iter(sources))
    if sources[first].shape[1:] == drawn.shape[1:]:
        yield f"copy of {first}", sources[first], every
    shared = settings.data.shared_labels
    content, style = next(iter(sources)), list(sources)[-1]
    if {content, style} <= shared.keys() and content != style and isinstance(image_set.aligned[style], Drawn):
        numbers = nearest_style(image_set, rows, style, shared[style], shared[content])
        kept = np.flatnonzero(numbers >= 0)
        if len(kept) >= LEAST:
            yield f"copy of nearest {shared[style]}", _images(image_set.images, numbers[kept]), kept


def _scores(
    images: Tensor,
    true: Tensor,
    rows: np.ndarray,
    image_set: ImageSet,
    evaluator: Evaluator,
    judges: Mapping[str, Judge],
    lpips: Distance | None,
) -> dict[str, float]:
    """Returns the scores of images (n, C, H, W) uint8 beside the true ones, which have the numbers ``rows`` (n,)."""
    scores = dict(paired_scores(images, true))
    if lpips is not None:
        parts = zip(images.split(BATCH), true.split(BATCH), strict=True)
        found = [lpips(*(one.float() / 127.5 - 1 for one in both)) for both in parts]
        scores["lpips"] = float(torch.cat(found).mean())
    floats = (part.to(evaluator.device).float() / 127.5 - 1 for part in images.split(BATCH))
    values = evaluator.score(floats).values
    scores |= {"fid": values["fid"]} if "fid" in values else {}
    for name, judge in judges.items():
        right = judge.classes_of(images) == torch.from_numpy(image_set.label_sets[name].labels[rows])
        scores[f"{name}_accuracy"] = float(right.float().mean())
    return scores


def _judges(settings: Settings, image_set: ImageSet, device: torch.device) -> Iterator[tuple[str, Judge]]:
    """Yields a judge for each set of labels of the data, trained on the real images of all parts."""
    rows = np.concatenate([image_set.rows, image_set.held_out])
    for name, labels in image_set.label_sets.items():
        real = replace(
            reals_of(settings, image_set), labels=labels.labels, classes=labels.names, rows=rows,
            fingerprint=f"{image_set.fingerprint}-{name}",
        )  # fmt: skip
        network, accuracy, _ = Classifier().network(real, device, folder_of(settings.runtime.cache))

        @torch.no_grad()
        def classes_of(images: Tensor, network: torch.nn.Module = network) -> Tensor:
            parts = [network(shrunk(part.to(device).float() / 127.5 - 1))[1].argmax(1) for part in images.split(256)]
            return torch.cat(parts).cpu()

        yield name, Judge(accuracy, classes_of)


def _images(images: np.ndarray, rows: np.ndarray) -> Tensor:
    """Returns images (n, C, H, W) uint8 of these rows."""
    return pixels(as_images(images[rows], torch.device("cpu")))


def _bytes(images: np.ndarray) -> Tensor:
    return pixels(as_images(images, torch.device("cpu")))


def _table(name: str, count: int, columns: Mapping[str, Mapping[str, float]]) -> str:
    """Returns the scores of a part as text: a row for each score, a column for each set of images."""
    scores = list(dict.fromkeys(score for values in columns.values() for score in values))
    cells = [[f"{name.replace('_', ' ')} ({count:,})", *columns]]
    for score in scores:
        arrow = "↓" if score in LOWER_IS_BETTER else "↑"
        cells.append(
            [f"{score} {arrow}", *(f"{values[score]:.4g}" if score in values else "–" for values in columns.values())]
        )
    widths = [max(len(row[place]) for row in cells) for place in range(len(cells[0]))]
    return "\n".join(
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in cells
    )
