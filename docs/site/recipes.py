"""Measures recipes, and writes the table of docs/recipes.md from the folders of their runs.

    python docs/site/recipes.py measure FOLDER ring grid seed=0,1,2      # trains, one process after the other
    python docs/site/recipes.py measure FOLDER dcgan_mnist steps=1500 data.root=IMAGES seed=0,1,2
    python docs/site/recipes.py publish FOLDER         # writes the rows and pictures of the recipes in FOLDER

Each run is ``python train.py experiment=NAME seed=SEED … runtime.threads=1`` with the settings that were typed, and
with ``evaluation=scores`` where the recipe has no scores. It is scored once, at its last step. The processor time of
its process, which other work on the machine hardly changes, is in ``processor-time.json``, with those settings.
"""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from docs.site.option_files import read  # noqa: E402

PAGE = ROOT / "docs" / "recipes.md"
PICTURES = ROOT / "docs" / "recipes"
BEGIN, END = "<!-- measured: written by docs/site/recipes.py -->", "<!-- end of measured -->"
SHOWN = ("fid", "kid", "modes", "precision", "recall", "memorised")
OF_POINTS = ("modes", "good_share")
"""The scores in the table, in this order, where a run has them."""


def measure(folder: Path, names: Sequence[str], seeds: Sequence[str], settings: Sequence[str]) -> None:
    """Trains each recipe with each seed and the settings, unless its run has finished."""
    typed_steps = [one.removeprefix("steps=") for one in settings if one.startswith("steps=")]
    for name in names:
        recipe = read(ROOT / "configs" / "experiment" / f"{name}.yaml")
        steps = (typed_steps or [recipe.values["steps"]])[-1]
        scores = [] if "evaluation" in recipe.values else ["evaluation=scores"]  # a recipe's own scores stay
        scored = [*scores, f"evaluation.every={steps}"]
        for seed in seeds:
            run = folder / name / seed
            if (run / "processor-time.json").exists():
                continue
            typed = [f"experiment={name}", f"seed={seed}", *settings, *scored]
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            words = [sys.executable, "train.py", *typed, "runtime.threads=1", f"hydra.run.dir={run}"]
            subprocess.run(words, cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, check=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            cost = {"seconds": round(used, 1), "settings": list(settings)}
            (run / "processor-time.json").write_text(json.dumps(cost), encoding="utf-8")


def publish(folder: Path) -> None:
    """Writes the rows and pictures of the recipes in the folder; the rows of other recipes stay as they are."""
    text = PAGE.read_text(encoding="utf-8")
    old = re.search(rf"{re.escape(BEGIN)}(.*?){re.escape(END)}", text, re.DOTALL)
    if old is None:
        sys.exit(f"{PAGE}: it has no place for the table; write {BEGIN} and {END} where it belongs")
    rows = {found[1]: found[0] for found in re.finditer(r"^\| `(\w+)`.*$", old[1], re.MULTILINE)}
    by_name: dict[str, list[Path]] = {}
    for run in sorted(path.parent for path in folder.rglob("processor-time.json")):
        by_name.setdefault(_start(run)["options"]["experiment"], []).append(run)
    PICTURES.mkdir(exist_ok=True)
    for name, runs in by_name.items():
        _picture(runs[0], PICTURES / f"{name}.png")
        shown = "<br>".join(f"`{one}`" for one in (name, *_typed(runs)))
        picture = f"![samples of {name}](recipes/{name}.png)"
        rows[name] = f"| {shown} | {_scores(runs)} | {_seconds(runs)}<br>{_origin(runs)} | {picture} |"
    head = ["| recipe | score at the last step | processor time, day, machine | samples |", "|---|---|---|---|"]
    table = "\n".join([BEGIN, "", *head, *(rows[name] for name in sorted(rows)), "", END])
    PAGE.write_text(text.replace(old[0], table), encoding="utf-8")


def _cost(run: Path) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads((run / "processor-time.json").read_text(encoding="utf-8"))
    return found


def _typed(runs: Sequence[Path]) -> list[str]:
    """Returns what was typed beside the name, with all seeds, and FOLDER for the data."""
    settings = {tuple(_cost(run).get("settings", ())) for run in runs}
    if len(settings) > 1:
        sys.exit(
            f"{runs[0].parent}: its runs were trained with different settings; measure them in folders of their own"
        )
    seeds = ",".join(str(_settings(run)["seed"]) for run in runs)
    return [*("data.root=FOLDER" if one.startswith("data.root=") else one for one in settings.pop()), f"seed={seeds}"]


def _start(run: Path) -> Mapping[str, Any]:
    """Returns the provenance of a run's first start."""
    loaded = yaml.safe_load((run / "provenance.yaml").read_text(encoding="utf-8"))
    starts: Sequence[Mapping[str, Any]] = loaded["starts"] if isinstance(loaded, dict) else loaded
    return starts[0]


def _settings(run: Path) -> Mapping[str, Any]:
    settings: Mapping[str, Any] = yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8"))
    return settings


def _scores(runs: Sequence[Path]) -> str:
    """Returns the mean of each score over seeds, and the lowest and highest."""
    rows = [json.loads((run / "scores.jsonl").read_text(encoding="utf-8").splitlines()[-1]) for run in runs]
    identities = {row["id"] for row in rows}
    if len(identities) > 1:
        sys.exit(f"{runs[0].parent}: its runs were scored in {len(identities)} ways; score them in the same one")
    scored = rows[0]["fingerprint"]
    features = f"{scored['features']}, {scored['images']:,} samples"
    parts = []
    for score in OF_POINTS if "good_share" in rows[0]["scores"] else SHOWN:
        values = [row["scores"][score] for row in rows if score in row["scores"]]
        if values:
            spread = f" ({min(values):.3g} to {max(values):.3g})" if min(values) < max(values) else ""
            parts.append(f"{score} {statistics.fmean(values):.3g}{spread}")
    return "<br>".join([*parts, f"({features})"])


def _seconds(runs: Sequence[Path]) -> str:
    found = [_cost(run)["seconds"] for run in runs]
    spread = f" ({min(found):.0f} to {max(found):.0f})" if len(found) > 1 else ""
    return f"{statistics.fmean(found):.0f} s{spread}"


def _picture(run: Path, path: Path) -> None:
    """Saves the last samples of a run, at most 480 pixels wide, with 256 colours where it is made smaller."""
    samples = sorted(run.glob("samples/step-*.png"))
    last = [one for one in samples if one.name.startswith(samples[-1].name[:12])]
    best = next((one for kind in ("comparison", "average") for one in last if kind in one.name), last[-1])
    with Image.open(best) as image:
        if image.width <= 480:
            shutil.copyfile(best, path)
        else:
            smaller = image.convert("RGB").resize((480, image.height * 480 // image.width))
            smaller.quantize(256).save(path, optimize=True)


def _origin(runs: Sequence[Path]) -> str:
    """Returns the day, the machine and the versions of the runs."""
    starts = [_start(run) for run in runs]
    days = {str(one["started"])[:10] for one in starts}
    machines = {f"{one['machine']['cores']} cores, {one['machine']['processor']}" for one in starts}
    versions = {f"Python {one['versions']['python']}, torch {one['versions']['torch']}" for one in starts}
    return "<br>".join(one for found in (days, machines, versions) for one in sorted(found))


def main() -> None:
    action, folder, *rest = sys.argv[1:] or ["", ""]
    if action == "measure":
        seeds = next((one.removeprefix("seed=").split(",") for one in rest if one.startswith("seed=")), ["0"])
        names = [one for one in rest if "=" not in one]
        measure(
            Path(folder).resolve(), names, seeds, [one for one in rest if "=" in one and not one.startswith("seed=")]
        )
    elif action == "publish":
        publish(Path(folder).resolve())
    else:
        print(__doc__)


if __name__ == "__main__":
    main()
