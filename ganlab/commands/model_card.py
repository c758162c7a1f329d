"""The page that goes with an exported generator: what it was trained on and how, its scores, how to use it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ganlab.monitor.scores_file import read_scores
from ganlab.trained import TrainedGenerator

SHOWN = (  # of the settings, in the order of their importance to somebody who has the weights
    "loss", "regularizer", "generator", "discriminator", "condition", "latent", "norm", "init", "targets", "augment",
    "schedule", "optimizer", "constraint", "averaging", "batch_size", "seed",
)  # fmt: skip
MOST_NAMED = 100  # classes
DRAWN = {  # 64 latents, for whoever has no ganlab
    "normal": ("np.random.randn(64, {dim})", "torch.randn(64, {dim})"),
    "uniform": ("np.random.uniform(-1, 1, (64, {dim}))", "torch.rand(64, {dim}) * 2 - 1"),
}


def model_card(
    generator: TrainedGenerator, described: Mapping[str, Any], file: str, format: str, run: Path | None
) -> str:
    """The card as Markdown. ``run`` is the folder whose scores it shows, None where there is none."""
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
    classes, dim = generator.classes, generator.latent_dim
    shape = ", ".join(map(str, generator.image_shape))
    latent = generator.settings.get("latent")
    distribution = str(latent.get("name") if isinstance(latent, Mapping) else latent)
    numpy, torch = DRAWN.get(distribution, DRAWN["normal"])
    if format == "safetensors":
        labels = f", labels=[{json.dumps(classes[0])}]" if classes else ""
        kind = "float32" if generator.is_of_points else "uint8"
        code = [
            "import ganlab",
            f'generator = ganlab.load("{file}")',
            f"images = generator.sample(64, seed=0{labels})  # (64, {shape}) {kind}",
        ]
    elif format == "onnx":
        labels = ', "labels": np.zeros(64, np.int64)' if classes else ""
        code = [
            "import numpy as np, onnxruntime",
            f"latent = {numpy.format(dim=dim)}.astype(np.float32)",
            f'(images,) = onnxruntime.InferenceSession("{file}").run(None, {{"latent": latent{labels}}})',
        ]
    else:
        labels = ", torch.zeros(64, dtype=torch.int64)" if classes else ""
        code = [
            "import torch",
            f'generator = torch.export.load("{file}").module()',
            f"images = generator({torch.format(dim=dim)}{labels})",
        ]
    told = f" and labels (batch,) int64 from 0 to {len(classes) - 1}" if classes else ""
    text = [
        f"It takes latents (batch, {dim}) float32{told}, at any batch size, and gives images (batch, {shape}) float32 "
        f"in [-1, 1]{', x and y of points of the plane' if generator.is_of_points else ''}.",
        f"Latents were drawn from: {_component(generator.settings.get('latent'))}.",
    ]
    if distribution not in DRAWN and format != "safetensors":
        text.append("Draw yours so, and not as in the lines above.")
    if classes != tuple(map(str, range(len(classes)))):
        named = ", ".join(f"{number} {name}" for number, name in enumerate(classes[:MOST_NAMED]))
        text.append(f"Classes: {named}{', …' if len(classes) > MOST_NAMED else ''}.")
    return "\n".join(["```python", *code, "```", "", " ".join(text)])


def _data(generator: TrainedGenerator, settings: Mapping[str, Any]) -> str:
    model = generator.model
    lines = [f"- data: {_component(settings.get('data'))}"]
    if model.images:
        lines.append(f"- images: {model.images:,}, of shape {'×'.join(map(str, generator.image_shape))}")
    if model.class_names:
        lines.append(
            f"- classes: {len(model.class_names):,}" + ("" if generator.classes else ", which it was not told")
        )
    lines.append(f"- fingerprint of the images: {model.fingerprint or 'not kept'}")
    return "\n".join(lines)


def _training(generator: TrainedGenerator, settings: Mapping[str, Any], run: Path | None) -> str:
    lines = [f"- run: {run.resolve().name}"] if run is not None else []
    lines.append(f"- steps: {generator.step:,} updates of the generator, of {settings.get('steps', '?')} planned")
    lines.append(f"- weights: {'their average' if generator.weights == 'average' else 'the last'}")
    lines += [f"- {key}: {text}" for key in SHOWN if (text := _component(settings.get(key)))]
    return "\n".join(lines)


def _component(plain: Any) -> str:
    """Plain settings in a line: ``adam (lr=0.0002, betas=[0.5, 0.999])``."""
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
        return "None were taken."
    mine = [row for row in rows if row.get("step") == generator.step and _weights(row) in (None, generator.weights)]
    head = (
        ""
        if mine
        else f"None were taken of these weights at step {generator.step:,}; these are others of this run.\n\n"
    )
    return head + "\n".join(map(_score, mine or rows))


def _weights(row: Mapping[str, Any]) -> Any:
    """Which weights a row is of; None where it does not say."""
    fingerprint = row.get("fingerprint")
    return fingerprint.get("weights") if isinstance(fingerprint, Mapping) else None


def _score(row: Mapping[str, Any]) -> str:
    numbers = ", ".join(
        f"{name} {value:.6g}" if isinstance(value, int | float) else f"{name} {_component(value)}"
        for name, value in row["scores"].items()
    )
    meaning = _component(row.get("fingerprint"))
    return f"- step {row.get('step', '?')}: {numbers} ({meaning or 'nothing is kept of what these compare'})"


def _limits(generator: TrainedGenerator) -> str:
    lines = [
        "- It makes what its training images show and nothing else, in one size; what was rare there is rarer here, "
        "and some of it may be missing.",
        "- It may repeat training images: a score can make that look unlikely, and none rules it out.",
        "- Who may use it, and for what, depends on the training images: see to their licence, and to the consent of "
        "whoever is shown in them.",
    ]
    if not generator.is_of_points and generator.weights == "average":
        lines.append("- These are averaged weights: going on with training needs the run's own checkpoint.")
    return "\n".join(lines)
