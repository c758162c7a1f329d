"""Writes the tables and pictures of docs/fonts.md from a run and from the runs of its ablation.

    python docs/studies/fonts.py run=RUN ablation=FOLDER

RUN was trained with ``experiment=wnet_latin data.root=null data.fonts=latin_v1`` and scored with scripts/evaluate.py,
which writes its pairs.json. FOLDER holds runs, each with a file short-scores.json that ``python docs/studies/fonts.py
ablation=FOLDER train=true`` writes. The tables stand between the marks ``<!-- NAME: begin -->`` and ``<!-- NAME: end
-->``. Every number comes from these files.
"""

from __future__ import annotations

import json
import re
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

HERE = Path(__file__).resolve().parent
DOCS = HERE.parent
sys.path.insert(0, str(DOCS.parent))

import ganlab  # noqa: E402
from ganlab.data.typefaces.font_files import Face, font_files  # noqa: E402
from ganlab.lettering import GlyphFormat, Stylist  # noqa: E402

PAGE = DOCS / "fonts.md"
SHOWN = ("CrimsonText-Regular.ttf", "RussoOne-Regular.ttf", "Pacifico-Regular.ttf")  # held out of training
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
ONE, SEVERAL = "R", "HamburgefonsQR27"
SCALE = 2  # of the pictures

COMMON = (
    "experiment=wnet_latin", "data.fonts=latin_v1", "data.root=null", "steps=150", "batch_size=32", "diagnosis=none",
    "logging.samples_every=100000", "logging.samples=8", "checkpoint.every=100000", "runtime.threads=1",
)  # fmt: skip
VARIANTS = {
    "the recipe": (),
    "with the perceptual term": ("regularizer=[reconstruction,perceptual,encoder_classifier,code_constancy]",),
    "without reconstruction": ("regularizer=[encoder_classifier,code_constancy]",),
    "without class heads": (
        "regularizer=[reconstruction,code_constancy]", "generator.heads=false", "condition=image",
        "condition.source=[content,style]",
    ),
    "the published weights": (
        "loss.weight=3", "regularizer.reconstruction.weight=50",
        "regularizer.auxiliary_classifier.generator_weight=1", "regularizer.code_constancy.weight=1",
    ),
}  # fmt: skip
SEEDS = (0, 1)
PARTS = ("unseen_fonts_seen_characters", "unseen_fonts_unseen_characters")
SHORT = 300  # images of each part of an ablation
FILE = "short-scores.json"


# --------------------------------------------------------------------------------------------------------- the ablation


def train_all(folder: Path) -> None:
    """Trains and scores each variant with each seed, unless its scores are there."""
    for seed in SEEDS:
        for name, words in VARIANTS.items():
            run = folder / f"{name.replace(' ', '-')}-{seed}"
            if (run / FILE).exists():
                continue
            if not (run / "checkpoints" / "final.safetensors").exists():
                ganlab.train(*COMMON, *words, f"seed={seed}", f"hydra.run.dir={run}")
            plain = {"name": name, "seed": seed, "parts": short_scores(run)}
            (run / FILE).write_text(json.dumps(plain, indent=2) + "\n", encoding="utf-8")


def short_scores(run: Path) -> dict[str, dict[str, float]]:
    """Returns the scores of a run's generator beside the true glyphs, by part."""
    import torch

    from ganlab.commands.evaluate import Evaluate, _cache, _settings
    from ganlab.commands.evaluate_pairs import _columns, _images, _judges
    from ganlab.data.source import some
    from ganlab.evaluation.paired import paired_scores

    generator = ganlab.load(run)
    settings = _settings(generator, Evaluate(run=str(run)))
    data = settings.data.open(_cache(settings))
    judges = dict(_judges(settings, data, torch.device("cpu")))
    found: dict[str, dict[str, float]] = {}
    for part in PARTS:
        every = data.parts[part]
        rows = np.sort(some(every, SHORT, "pairs") if len(every) > SHORT else every)
        _, images, _ = next(_columns(generator, settings, data, rows, 0))
        found[part] = dict(paired_scores(images, _images(data.images, rows)))
        for name, judge in judges.items():
            right = judge.classes_of(images) == torch.from_numpy(data.label_sets[name].labels[rows])
            found[part][f"{name}_accuracy"] = float(right.float().mean())
    return found


def ablation_table(folder: Path) -> str:
    """Returns the table of the variants: the mean and the values of the seeds."""
    runs = [json.loads(file.read_text(encoding="utf-8")) for file in sorted(folder.glob(f"*/{FILE}"))]
    lines = ["| terms | L1 ↓ | SSIM ↑ | character right ↑ | font right ↑ |", "|---|---|---|---|---|"]
    for name in VARIANTS:
        scores = [one["parts"][PARTS[0]] for one in runs if one["name"] == name]
        if scores:
            cells = [
                _spread([one[score] for one in scores], form)
                for score, form in (
                    ("l1", ".4f"), ("ssim", ".3f"), ("character_accuracy", ".0%"), ("font_accuracy", ".0%"),
                )
            ]  # fmt: skip
            lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _spread(values: Sequence[float], form: str) -> str:
    each = ", ".join(f"{value:{form}}" for value in values)
    return f"{statistics.mean(values):{form}} ({each})" if len(values) > 1 else f"{each} (one seed)"


# -------------------------------------------------------------------------------------------------------------- the run


def quarters_table(run: Path) -> str:
    """Returns the scores of each quarter, a row for each column of pairs.json."""
    plain = json.loads((run / "pairs.json").read_text(encoding="utf-8"))
    names = {"l1": "L1 ↓", "rmse": "RMSE ↓", "ssim": "SSIM ↑", "fid": "FID ↓"}
    judged = {"font_accuracy": "font right ↑", "character_accuracy": "character right ↑"}
    lines = [f"| quarter | images of | {' | '.join([*names.values(), *judged.values()])} |"]
    lines.append("|---" * (2 + len(names) + len(judged)) + "|")
    for part, columns in plain["parts"].items():
        for column, scores in columns.items():
            cells = [f"{scores[name]:.4f}" if name in ("l1", "rmse") else f"{scores[name]:.3g}" for name in names]
            cells += [f"{scores[name]:.1%}" for name in judged]
            lines.append(f"| {_words(part, plain)} | {column} | {' | '.join(cells)} |")
    accuracies = " and ".join(f"that of the {name} on {share:.1%}" for name, share in plain["judges"].items())
    return "\n".join(lines) + f"\n\nOf real glyphs that it was not trained on, each judge is right: {accuracies}."


def _words(part: str, plain: Mapping[str, Any]) -> str:
    return f"{part.replace('_', ' ').replace('fonts', 'fonts ×', 1)} ({plain['images'][part]:,})"


def specimen(run: Path) -> Image.Image:
    """Returns, for each font, its glyphs, those drawn in the style of several of its glyphs, and of a single one."""
    generator = ganlab.load(run)
    form = GlyphFormat.of(generator.settings["data"])
    files = {Path(file).name: file for file in font_files("packages")}
    rows: list[np.ndarray] = []
    for name in SHOWN:
        face = Face(files[name])
        rows.append(_row(form.coverage(form.draw(face, LETTERS))))
        rows += [
            _row(Stylist(generator, form, form.draw(face, list(dict.fromkeys(glyphs)))).draw(LETTERS))
            for glyphs in (SEVERAL, ONE)
        ]
        rows.append(np.zeros((form.shape[0] // 2, rows[0].shape[1])))
    return _picture(np.concatenate(rows[:-1]))


def _row(glyphs: np.ndarray) -> np.ndarray:
    """Returns glyphs (N, H, W) side by side in two lines (2 H, ...)."""
    half = -(-len(glyphs) // 2)
    lines = [np.concatenate(list(part), axis=1) for part in (glyphs[:half], glyphs[half:])]
    wide = max(line.shape[1] for line in lines)
    return np.concatenate([np.pad(line, ((0, 0), (0, wide - line.shape[1]))) for line in lines])


def _picture(coverage: np.ndarray) -> Image.Image:
    picture = Image.fromarray((255 * (1 - coverage)).round().astype(np.uint8))
    return picture.resize((SCALE * picture.width, SCALE * picture.height), Image.Resampling.LANCZOS).quantize(16)


def replace(name: str, table: str) -> None:
    """Writes a table between the marks of docs/fonts.md."""
    page = PAGE.read_text(encoding="utf-8")
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    changed, count = re.subn(f"{begin}.*?{end}", lambda _: f"{begin}\n{table}\n{end}", page, flags=re.DOTALL)
    if not count:
        sys.exit(f"{PAGE}: there is no {begin}")
    PAGE.write_text(changed, encoding="utf-8")


def main(words: Sequence[str]) -> None:
    given = dict(word.split("=", 1) for word in words)
    folder = Path(given["ablation"]) if "ablation" in given else None
    if folder is not None and given.get("train") == "true":
        train_all(folder)
    if folder is not None and list(folder.glob(f"*/{FILE}")):
        replace("ablation", ablation_table(folder))
    if "run" in given:
        run = Path(given["run"])
        specimen(run).save(DOCS / "fonts-specimen.png", optimize=True)
        if (run / "pairs.json").exists():
            replace("quarters", quarters_table(run))


if __name__ == "__main__":
    main(sys.argv[1:])
