"""One picture with samples of a real failed run for each verdict."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.diagnosis_collection.judging import Judged
from ganlab.diagnosis.verdicts import NAMES, TITLES

ROWS, COLUMNS = 4, 8  # images of a grid that are shown
WIDTH = 240  # pixels of a panel


def examples(found: Sequence[Judged]) -> dict[str, Judged]:
    """Returns a run for each verdict that was rightly given: one of a kind that is not shown yet if there is one, and
    on which it was the first verdict; and a healthy run."""
    chosen: dict[str, Judged] = {}
    for name in NAMES:
        shown = {one.member.kind.name for one in chosen.values()}
        given = [
            (
                one.member.kind.name in shown,
                one.first is None or one.first.name != name,
                min(v.given for v in one.verdicts if v.name == name),
                number,
            )
            for number, one in enumerate(found)
            if name in one.member.kind.accepted and name in one.named()
        ]
        if given:
            chosen[name] = found[min(given)[-1]]
    healthy = next((one for one in found if one.member.kind.healthy and one.is_right()), None)
    return {**chosen, **({"healthy": healthy} if healthy else {})}


def last_samples(one: Judged) -> Path | None:
    """Returns the last picture of samples of a run; of one step that of the network, which verdicts are about."""
    pictures = (one.member.folder / "samples").glob("step-*-generator.png")
    return max(pictures, default=None)


def draw(found: Sequence[Judged], file: Path) -> list[tuple[str, Judged]]:
    """Draws a panel for each example, with its verdict and kind above it, and returns them in their order."""
    from matplotlib.figure import Figure

    shown = [(name, one) for name, one in examples(found).items() if last_samples(one)]
    columns = 4
    rows = -(-len(shown) // columns)
    figure = Figure(figsize=(columns * 2.6, rows * 1.75), layout="constrained")
    for place, (name, one) in enumerate(shown):
        axes = figure.add_subplot(rows, columns, place + 1)
        axes.imshow(_panel(one), cmap="gray", interpolation="nearest")
        axes.set_title(f"{TITLES[name]}\n{one.member.kind.name}, seed {one.member.seed}", fontsize=7)
        axes.set_axis_off()
    figure.savefig(file, dpi=110)
    return shown


def _panel(one: Judged) -> np.ndarray:
    path = last_samples(one)
    assert path is not None
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    if one.member.kind.base in ("ring", "grid"):
        side = min(pixels.shape[:2])
        return pixels[:side, :side]
    high, wide = pixels.shape[0] // 8, pixels.shape[1] // 8  # a grid of 8 × 8 images
    return pixels[: ROWS * high, : COLUMNS * wide]
