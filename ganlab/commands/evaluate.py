"""`ganlab evaluate`, `python scripts/evaluate.py`: scores of the samples of a trained generator."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from torch import Tensor

from ganlab import random_streams, run_folder
from ganlab.commands.evaluate_pairs import score_pairs
from ganlab.commands.launch.announcements import best_and_last
from ganlab.commands.terminal.arguments import Help, run_command
from ganlab.commands.terminal.loading_settings import Device, Weights
from ganlab.config import auto
from ganlab.config.evaluators import Split, build_evaluator, reals_of, rows_of
from ganlab.config.parse import parse
from ganlab.config.plain import lookup
from ganlab.config.programs import names_program
from ganlab.config.settings import Settings
from ganlab.data import ImageSet, Source
from ganlab.errors import UserError
from ganlab.evaluation import FEATURES, Features, Scoring
from ganlab.evaluation.lpips import Distance, open_lpips
from ganlab.evaluation.scores import BATCH, Evaluator, Scored
from ganlab.loading import load
from ganlab.monitor.neighbours import neighbours
from ganlab.monitor.scores_file import ScoresFile, read_scores
from ganlab.progress import progress
from ganlab.run_folder import unused
from ganlab.table import PATH, PositiveInt, Range
from ganlab.trained import TrainedGenerator

SUMMARY = """scores of a trained generator: FID, KID, precision, recall and others

  {program} run=latest                              the newest checkpoint of the last run
  {program} run=RUN checkpoint=best n=50000         the checkpoint with the best score
  {program} run=RUN features=inception              by the network of the published FID figures
  {program} run=RUN baselines=true                  also scores real images, noise and others, to compare with

Scores are printed, and appended to the run's scores.jsonl with everything on which they depend. A generator that
translates images is also compared with the true image of each source: distances, similarity, accuracy of judges, beside
those of copies, for training images and each part that was held out. These go to the run's pairs.json."""

ORDER = ("fid", "kid", "precision", "recall", "density", "coverage", "inception_score", "modes", "good_share",
         "class_entropy", "reverse_kl", "memorised", "closer")  # fmt: skip
MOST_PAIRS = 1000  # images of each part that are compared with their true image
SHOWN = 32  # samples beside their nearest reals


@dataclass(frozen=True)
class Evaluate:
    """The settings of the command."""

    run: Annotated[str, PATH, Help("a run folder, or latest")]
    n: Annotated[int, Range(least=10), Help("samples")] = 10_000
    reals: Annotated[int, Range(least=10), Help("the largest number of real images to compare with")] = 50_000
    features: Annotated[
        Literal["auto"] | Annotated[Features, FEATURES],
        Help(
            "the features to compare: classifier (trained on the labels of the data), inception, pixels, or file with "
            "features.path=…; auto is what the run was scored with while it trained, otherwise pixels for points, "
            "classifier for labelled data, inception for the rest"
        ),
    ] = "auto"
    split: Annotated[Split, Help("the real images: train, held_out or test")] = "train"
    baselines: Annotated[bool, Help("also score real images, half of the classes, one image, and noise")] = False
    seed: Annotated[int, Help("the seed of the samples")] = 0
    weights: Weights = "auto"
    checkpoint: Annotated[int | str | None, Help("a step, best or final; otherwise the newest")] = None
    root: Annotated[str | None, PATH, Help("the folder of the data, if it has moved since training")] = None
    data: Annotated[
        Mapping[str, Any], Help("settings of the data that differ from those of training, such as data.download=true")
    ] = field(default_factory=dict)
    cache: Annotated[str | None, PATH, Help("folder for decoded images and classifiers; null for the usual one")] = None
    lpips: Annotated[
        str | None, PATH, Help("translated images: also score LPIPS; the file of torchvision's vgg16, or download")
    ] = None
    batch_size: Annotated[PositiveInt, Help("samples per batch")] = 64
    device: Device = "auto"
    plugins: Annotated[tuple[str, ...], Help("your own modules, which are imported")] = ()


def main(arguments: Sequence[str] | None = None, program: str = "evaluate.py") -> int:
    """Runs the command. Returns its exit code: 0 done, 2 refused."""
    return run_command(Evaluate, evaluate, arguments, program, SUMMARY)


def evaluate(asked: Evaluate) -> None:
    """Scores samples of a run, prints the scores and stores them. Raises UserError."""
    try:
        _evaluate(asked)
    except UserError as error:  # the data's messages name train's setting of the cache
        raise UserError(str(error).replace("runtime.cache=", "cache=")) from error


def _evaluate(asked: Evaluate) -> None:
    folder = run_folder.find(asked.run)
    generator = load(folder.path, asked.weights, asked.device, asked.plugins, asked.checkpoint)
    settings = _settings(generator, asked)
    trained_on = settings.data.open(_cache(settings))
    image_set = _of_split(settings, trained_on, asked.split)
    rows = rows_of(image_set, asked.reals, asked.split)
    if len(rows) < 10:
        raise UserError(f"split={asked.split}: it has {len(rows)} images; scores need at least 10")
    distance = _lpips(generator, asked)
    features = _features(generator, settings, asked)
    features.check(settings.data.class_count > 1)
    evaluator = build_evaluator(settings, image_set, features, rows, generator.device, asked.split, learned=trained_on)
    for note in dict.fromkeys((*image_set.notes, *evaluator.opened.notes)):
        print(f"note: {note}")
    labels = _labels(generator, image_set, asked)
    sources = _sources(generator, image_set, rows, asked)
    fakes = generator.batches(asked.n, asked.seed, labels, batch_size=asked.batch_size, **sources)  # type: ignore[arg-type]
    scored = evaluator.score(fakes, asked.seed, generator.weights, progress, asked.n)
    columns = {"generator": scored}
    if asked.baselines:
        columns |= dict(_baselines(settings, image_set, evaluator, features, rows, asked))
    print(generator.description)
    print(meaning(scored))
    print(table(columns))
    if best := best_while_training(read_scores(folder.path)):
        print(best)
    pairs = None
    if generator.sources:
        pairs = score_pairs(
            generator, settings, image_set, asked.split, features, min(asked.n, MOST_PAIRS), asked.seed, distance
        )  # fmt: skip
        print(pairs.text())
    try:
        file = ScoresFile(folder.path)
        file.add_scores(generator.step, scored, checkpoint=generator.path.name, seed=asked.seed)
        file.close()
        if pairs is not None:
            pairs.save(folder.path, step=generator.step, checkpoint=generator.path.name, seed=asked.seed)
        if not generator.is_of_points:
            _picture(generator, evaluator, labels, sources, folder.path, asked)
    except OSError as error:
        raise UserError(f"{folder.path}: the scores cannot be written there ({error.strerror})") from error


# ---------------------------------------------------------------------------------------------------- what is compared


def _settings(generator: TrainedGenerator, asked: Evaluate) -> Settings:
    """Returns the settings of the run, with the folders that were typed. Saved plugins are not imported."""
    plain = dict(generator.settings)
    data = {**plain["data"]} if isinstance(plain.get("data"), dict) else {"name": plain.get("data")}
    data |= asked.data
    if asked.root is not None:
        data["root"] = asked.root
    runtime = {"cache": asked.cache} if asked.cache else {}
    kept = {key: plain[key] for key in ("seed", "condition") if key in plain}
    settings, _ = auto.resolve(parse(Settings, {**kept, "data": data, "runtime": runtime}))
    if settings.data.image_shape != generator.image_shape:
        raise UserError(f"{asked.run}: its data and its generator have images of different shapes")
    return settings


def _cache(settings: Settings) -> Path | None:
    return Path(settings.runtime.cache) if settings.runtime.cache else None


def _of_split(settings: Settings, trained_on: ImageSet, split: Split) -> ImageSet:
    """Returns the images to compare with. Raises UserError where the data has no such part."""
    if split == "held_out" and not len(trained_on.held_out):
        raise UserError("split=held_out: this run held none out; type split=train, or train with data.held_out=0.1")
    if split != "test":
        return trained_on
    if not hasattr(settings.data, "split"):
        raise UserError("split=test: this data set has no parts; type split=train or split=held_out")
    test: Source = replace(settings.data, split="test", held_out=0, limit=None)  # type: ignore[call-arg, type-var]
    return test.open(_cache(settings))


def _features(generator: TrainedGenerator, settings: Settings, asked: Evaluate) -> Features:
    """Returns the features that were typed, or those of the scores while training, with which new ones compare, or
    those that suit the data. Raises UserError where a program would be run that was not typed."""
    if asked.features != "auto":
        return asked.features
    saved = lookup(generator.settings, "evaluation.features")
    if saved in (None, "auto"):  # it was not scored
        return FEATURES[auto.features_for(settings.data)]()
    if names_program(generator.settings):
        path = lookup(generator.settings, "evaluation.features.path") or "features.pt"
        raise UserError(
            f"{asked.run} was scored with the network in {path}, a program, which would be run; type "
            f"features.name=file features.path={path} if you trust it, or other features"
        )
    features = parse(Scoring, {"features": saved}).features
    assert features != "auto"
    return features


def _lpips(generator: TrainedGenerator, asked: Evaluate) -> Distance | None:
    """Returns the function that computes LPIPS, if it is asked for. Raises UserError where it cannot be had."""
    if asked.lpips is None:
        return None
    if not generator.sources:
        raise UserError(
            f"lpips={asked.lpips}: it compares a translated image with the true one, and this generator has no source; "
            "leave it out"
        )
    return open_lpips(asked.lpips, generator.device)


def _labels(generator: TrainedGenerator, image_set: ImageSet, asked: Evaluate) -> Tensor | None:
    """Returns labels (n,) with the frequencies of the data, or None for a generator without classes."""
    if not generator.classes or image_set.labels is None:
        return None
    rng = random_streams.generator(asked.seed, "evaluate/labels")
    which = torch.randint(len(image_set.rows), (asked.n,), generator=rng).numpy()
    return torch.from_numpy(image_set.labels[image_set.rows[which]])


def _sources(generator: TrainedGenerator, image_set: ImageSet, rows: np.ndarray, asked: Evaluate) -> dict[str, Tensor]:
    """Returns the images (n, C, H, W) uint8 to translate, by name: those of the ``rows`` that samples are compared
    with, repeated if there are fewer. Raises UserError if the data does not provide them."""
    which = np.resize(rows, asked.n)
    for name in generator.sources:
        if name not in image_set.aligned:
            raise UserError(f"{asked.run}: its generator translates '{name}' images, and the data has none")
    return {
        name: torch.from_numpy(image_set.aligned_images(name, which)).permute(0, 3, 1, 2) for name in generator.sources
    }


def _baselines(
    settings: Settings,
    image_set: ImageSet,
    evaluator: Evaluator,
    features: Features,
    rows: np.ndarray,
    asked: Evaluate,
) -> Iterator[tuple[str, Scored]]:
    """Yields the scores of other images by the same evaluator. Real images that are not among those compared with give
    the best score that can be expected."""
    count = min(asked.n, len(rows) // 2)
    order = np.random.default_rng(random_streams.derive(asked.seed, "evaluate/halves")).permutation(rows)
    own, others = np.sort(order[: len(rows) // 2]), order[len(rows) // 2 :][:count]
    half = build_evaluator(settings, image_set, features, own, evaluator.device, asked.split, learned=image_set)
    yield "real, other half", half.score(_real(settings, image_set, others, evaluator), asked.seed, report=progress)
    classes = len(image_set.classes)
    if image_set.labels is not None and classes > 1:
        some = order[image_set.labels[order] < classes // 2][: asked.n]
        if len(some) >= 10:
            yield (
                "half the classes",
                evaluator.score(_real(settings, image_set, some, evaluator), asked.seed, report=progress),
            )
    one = np.repeat(order[:1], count)
    yield "one image", evaluator.score(_real(settings, image_set, one, evaluator), asked.seed, report=progress)
    rng = random_streams.generator(asked.seed, "evaluate/noise")
    shape = image_set.image_shape
    noise = (torch.rand(BATCH, *shape, generator=rng) * 2 - 1 for _ in range(-(-count // BATCH)))
    yield "noise", evaluator.score(noise, asked.seed, report=progress)


def _real(settings: Settings, image_set: ImageSet, rows: np.ndarray, evaluator: Evaluator) -> Iterator[Tensor]:
    return reals_of(settings, image_set, rows).batches(BATCH, evaluator.device)


# --------------------------------------------------------------------------------------------------------- the output


def meaning(scored: Scored) -> str:
    """Returns one line with everything on which the scores depend."""
    facts = scored.fingerprint
    accuracy = f" ({facts['accuracy']:.1%} right)" if "accuracy" in facts else ""
    return (
        f"{facts['images']:,} samples against {facts['reals']:,} {facts['split'].replace('_', '-')} images; features: "
        f"{facts['features']} {facts['hash']}{accuracy}, resize {facts['resize']}; {scored.id}"
    )


def table(columns: Mapping[str, Scored]) -> str:
    """Returns the scores as text: a row for each score, a column for each set of samples, with their numbers."""
    names = [name for name in ORDER if any(name in one.values for one in columns.values())]
    facts = [one.fingerprint for one in columns.values()]
    cells = [["", *columns]]
    cells += [[word, *(f"{one[key]:,}" for one in facts)] for word, key in (("samples", "images"), ("reals", "reals"))]
    for name in names:
        cells.append([name, *(_cell(one.values, name) for one in columns.values())])
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    lines = [[cell.rjust(width) for cell, width in zip(row, widths, strict=True)] for row in cells]
    return "\n".join("  ".join([row[0].ljust(widths[0]), *line[1:]]) for row, line in zip(cells, lines, strict=True))


def _cell(values: Mapping[str, float], name: str) -> str:
    if name not in values:
        return "–"
    value = values[name]
    text = f"{value:,.0f}" if name == "modes" else f"{value:.4g}" if abs(value) < 1000 else f"{value:,.0f}"
    spread = values.get(f"{name}_std")
    return text if spread is None else f"{text} ± {spread:.2g}"


def best_while_training(rows: Sequence[Mapping[str, Any]]) -> str | None:
    """Returns a sentence on the best and the last score during training, from the newest row that has them."""
    for row in reversed(rows):
        with contextlib.suppress(KeyError, TypeError, AttributeError, ValueError):  # a row of another program
            last, scores = row["best"]["last"], row["scores"]
            name = next((name for name in ("fid", "kid") if scores.get(name) == last), None)
            return best_and_last(row["best"], row["step"], name)
    return None


def _picture(
    generator: TrainedGenerator,
    evaluator: Evaluator,
    labels: Tensor | None,
    sources: Mapping[str, Tensor],
    folder: Path,
    asked: Evaluate,
) -> None:
    """Saves a picture of samples beside their nearest real images."""
    some = None if labels is None else labels[:SHOWN]
    translated = {name: images[:SHOWN] for name, images in sources.items()}
    batches = generator.batches(min(SHOWN, asked.n), asked.seed, some, **translated)  # type: ignore[arg-type]
    fakes = torch.cat(list(batches)).cpu()
    reals, distances = evaluator.nearest(fakes)
    (folder / "samples").mkdir(exist_ok=True)
    file = unused(folder / "samples" / f"nearest-{asked.split}-{evaluator.opened.facts['features']}.png")
    neighbours(fakes, reals, distances.tolist(), asked.split, str(evaluator.opened.facts["features"])).save(file)
    print(f"samples beside their nearest {asked.split.replace('_', '-')} images: {run_folder.shown(file)}")
