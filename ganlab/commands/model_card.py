"""The model card of an exported generator: its use, training data, training, scores, and limits."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ganlab.monitor.dashboard.training import SCORES
from ganlab.monitor.scores_file import read_scores
from ganlab.run_folder import RunFolder
from ganlab.trained import TrainedGenerator

SHOWN = (  # settings, the most important to a user of the weights first
    "loss", "regularizer", "generator", "discriminator", "condition", "latent", "norm", "init", "targets", "augment",
    "schedule", "optimizer", "constraint", "averaging", "batch_size", "seed",
)  # fmt: skip
MOST_NAMED = 100  # the largest number of classes that are listed
DRAWN = {  # expressions for 64 latents without ganlab
    "normal": ("np.random.randn(64, {dim})", "torch.randn(64, {dim})"),
    "uniform": ("np.random.uniform(-1, 1, (64, {dim}))", "torch.rand(64, {dim}) * 2 - 1"),
}


def model_card(
    generator: TrainedGenerator, described: Mapping[str, Any], file: str, format: str, run: Path | None
) -> str:
    """Returns the card as Markdown. ``run`` is the folder of the run, None where there is none: the card shows its
    scores and the date, but not its name, which may contain names of folders."""
    settings: Mapping[str, Any] = described["settings"]
    sections = {
        "Use": _use(generator, file, format),
        "Trained on": _data(generator, settings),
        "Trained how": _training(generator, settings, run),
        "Scores": _scores(generator, run),
        "Limits": _limits(generator),
    }
    body = "\n\n".join(f"## {title}\n\n{text}" for title, text in sections.items())
    description = generator.description
    return f"# {file}\n\n{description[0].upper()}{description[1:]}; {described['parameters']:,} parameters.\n\n{body}\n"


def _use(generator: TrainedGenerator, file: str, format: str) -> str:
    classes, latent = generator.classes, generator.settings.get("latent")
    distribution = str(latent.get("name") if isinstance(latent, Mapping) else latent)
    shape = ", ".join(map(str, generator.image_shape))
    text = [
        f"It takes latents (batch, {generator.latent_dim}) float32{_inputs(generator)}, at any batch size, and gives "
        f"images (batch, {shape}) float32 in [-1, 1]"
        f"{', x and y of points of the plane' if generator.is_of_points else ''}.",
        f"Latents were drawn from: {_component(latent)}.",
    ]
    if distribution not in DRAWN and format != "safetensors":
        text.append("Use this distribution instead of the one in the lines above.")
    if classes != tuple(map(str, range(len(classes)))):
        named = ", ".join(f"{number} {name}" for number, name in enumerate(classes[:MOST_NAMED]))
        text.append(f"Classes: {named}{', …' if len(classes) > MOST_NAMED else ''}.")
    return "\n".join(["```python", *CODE[format](generator, file, distribution), "```", "", " ".join(text)])


def _inputs(generator: TrainedGenerator) -> str:
    """Returns the inputs besides the latents, for a sentence."""
    classes = generator.classes
    text = f" and labels (batch,) int64 from 0 to {len(classes) - 1}" if classes else ""
    for name, size in generator.sources.items():
        text += f" and {name} (batch, {', '.join(map(str, size))}) float32 in [-1, 1]"
    return text


def _with_ganlab(generator: TrainedGenerator, file: str, distribution: str) -> list[str]:
    """Returns lines of Python that sample from weights with ganlab."""
    shape = ", ".join(map(str, generator.image_shape))
    labels = f", labels=[{json.dumps(generator.classes[0])}]" if generator.classes else ""
    labels += "".join(f", {name}=images" for name in generator.sources)
    kind = "float32" if generator.is_of_points else "uint8"
    return [
        "import ganlab",
        f'generator = ganlab.load("{file}")',
        f"images = generator.sample(64, seed=0{labels})  # (64, {shape}) {kind}",
    ]


def _with_onnx(generator: TrainedGenerator, file: str, distribution: str) -> list[str]:
    """Returns lines of Python that sample with onnxruntime."""
    latent = DRAWN.get(distribution, DRAWN["normal"])[0].format(dim=generator.latent_dim)
    inputs = ', "labels": np.zeros(64, np.int64)' if generator.classes else ""
    for name, size in generator.sources.items():
        inputs += f', "{name}": np.zeros((64, {", ".join(map(str, size))}), np.float32)'
    return [
        "import numpy as np, onnxruntime",
        f"latent = {latent}.astype(np.float32)",
        f'(images,) = onnxruntime.InferenceSession("{file}").run(None, {{"latent": latent{inputs}}})',
    ]


def _with_torch(generator: TrainedGenerator, file: str, distribution: str) -> list[str]:
    """Returns lines of Python that sample with PyTorch alone."""
    latent = DRAWN.get(distribution, DRAWN["normal"])[1].format(dim=generator.latent_dim)
    inputs = ", torch.zeros(64, dtype=torch.int64)" if generator.classes else ""
    inputs += "".join(f", torch.zeros(64, {', '.join(map(str, size))})" for size in generator.sources.values())
    return [
        "import torch",
        f'generator = torch.export.load("{file}").module()',
        f"images = generator({latent}{inputs})",
    ]


CODE = {"safetensors": _with_ganlab, "onnx": _with_onnx, "torch_export": _with_torch}
"""Lines of Python that sample from an exported file, by its format."""


def _data(generator: TrainedGenerator, settings: Mapping[str, Any]) -> str:
    model = generator.model
    lines = [f"- data: {_component(settings.get('data'))}"]
    if model.images:
        lines.append(f"- images: {model.images:,}, of shape {'×'.join(map(str, generator.image_shape))}")
    if model.class_names:
        unused = "" if generator.classes else ", which are no input of the generator"
        lines.append(f"- classes: {len(model.class_names):,}{unused}")
    lines.append(f"- fingerprint of the images: {model.fingerprint or 'unknown'}")
    return "\n".join(lines)


def _training(generator: TrainedGenerator, settings: Mapping[str, Any], run: Path | None) -> str:
    starts = RunFolder(run).provenance() if run is not None else []
    days = [str(day)[:10] for one in starts[-1:] if (day := one.get("ended") or one.get("started"))]
    lines = [f"- date: {day}" for day in days]
    if generator.versions:
        lines.append(f"- made with: {', '.join(f'{name} {version}' for name, version in generator.versions.items())}")
    lines.append(f"- steps: {generator.step:,} updates of the generator, of {settings.get('steps', '?')} planned")
    lines.append(f"- weights: {'their average' if generator.weights == 'average' else 'the last'}")
    lines += [f"- {key}: {text}" for key in SHOWN if (text := _component(settings.get(key)))]
    return "\n".join(lines)


def _component(plain: Any) -> str:
    """Returns plain settings in one line: ``adam (lr=0.0002, betas=[0.5, 0.999])``."""
    if not isinstance(plain, Mapping):
        return "" if plain is None else str(plain)
    texts = {key: (value, _component(value)) for key, value in plain.items() if key != "name"}
    inner = ", ".join(
        f"{key}={f'({text})' if isinstance(value, Mapping) and not value.get('name') else text}"
        for key, (value, text) in texts.items()
        if text
    )
    name = plain.get("name")
    return f"{name} ({inner})" if name and inner else str(name or inner)


def _scores(generator: TrainedGenerator, run: Path | None) -> str:
    """The rows of the run's ``scores.jsonl``, each number with everything on which it depends."""
    rows = read_scores(run) if run is not None else []
    if not rows:
        return "No scores were computed."
    mine = [row for row in rows if row.get("step") == generator.step and _weights(row) in (None, generator.weights)]
    head = (
        ""
        if mine
        else f"No scores were computed for these weights at step {generator.step:,}; these are other scores of the run."
        "\n\n"
    )
    shown = mine or rows
    parts = [*map(_score, shown), *_comparability(shown)]
    return head + "\n\n".join(parts)


def _comparability(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yields a sentence on the figures that these scores do not compare with."""
    found = {_features(row) for row in rows}
    if others := sorted(found - {"inception"}):
        yield (
            f"Scores by {' and '.join(others)} are no published FID or KID, which are by the Inception network: they "
            "compare with scores that depend on the same alone."
        )
    if "inception" in found:
        yield "Scores by Inception compare with published ones of the same data at the same number of images."


def _features(row: Mapping[str, Any]) -> str:
    fingerprint = row.get("fingerprint")
    return str(fingerprint.get("features")) if isinstance(fingerprint, Mapping) else "unknown features"


def _weights(row: Mapping[str, Any]) -> Any:
    """Returns the weights that a row is of, or None if it does not tell."""
    fingerprint = row.get("fingerprint")
    return fingerprint.get("weights") if isinstance(fingerprint, Mapping) else None


def _score(row: Mapping[str, Any]) -> str:
    """Returns a table of a row's scores, with their direction and meaning, and everything on which they depend."""
    lines = [
        f"Step {row.get('step', '?')}, by {_features(row)}:",
        "",
        "| score | value | better | what it measures |",
        "|---|---|---|---|",
    ]
    scores = row["scores"]
    for name, value in scores.items():
        if name.endswith("_std") and name.removesuffix("_std") in scores:
            continue  # beside its score
        shown, what, better = SCORES.get(name, (name, "", ""))
        text = f"{value:.6g}" if isinstance(value, int | float) else _component(value)
        spread = scores.get(f"{name}_std")
        text += f" ± {spread:.2g}" if isinstance(spread, int | float) else ""
        lines.append(f"| {shown} | {text} | {better} | {what} |")
    depends = _component(row.get("fingerprint"))
    return "\n".join([*lines, "", f"It depends on: {depends or 'unknown settings'}."])


def _limits(generator: TrainedGenerator) -> str:
    lines = [
        "- It generates images like its training images, in one size. What is rare among those is rarer here, and some "
        "of it may be missing.",
        "- It may repeat training images. A score can make that unlikely; none rules it out.",
        "- Who may use it, and for what, depends on the training images: see their licence, and the consent of the "
        "people in them.",
    ]
    if not generator.is_of_points and generator.weights == "average":
        lines.append("- These are averaged weights. To go on with training, use a checkpoint of the run.")
    return "\n".join(lines)
