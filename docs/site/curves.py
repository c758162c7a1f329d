"""Draws docs/init-and-norm.png from the runs of a sweep over init and norm.

python train.py study=init_by_norm init=normal,he norm=none,batch,spectral loss=bce seed=0
python docs/site/curves.py SWEEP
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt

PAGE = Path(__file__).resolve().parents[1] / "init-and-norm.png"
STYLES = {
    ("normal", "none"): ("#D55E00", "s"),
    ("he", "none"): ("#E69F00", "D"),
    ("normal", "batch"): ("#0072B2", "o"),
    ("normal", "spectral"): ("#009E73", "^"),
}
"""The colour (Okabe & Ito 2008) and the mark of each combination."""


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def main() -> None:
    figure, axes = plt.subplots(2, 2, figsize=(9, 6.6), constrained_layout=True)
    for (init, norm), (color, mark) in STYLES.items():
        run = next(Path(sys.argv[1]).glob(f"*init-{init}+norm-{norm}"))
        metrics, scores = rows(run / "metrics.jsonl"), rows(run / "scores.jsonl")
        steps = [row["step"] for row in metrics]
        style: dict[str, Any] = {"color": color, "marker": mark, "markersize": 4, "label": f"init={init} norm={norm}"}
        gap = [row["discriminator/real"] - row["discriminator/fake"] for row in metrics]
        axes[0, 0].plot(steps, gap, **style)
        axes[0, 1].semilogy(steps, [row["generator/gradient_norm"] for row in metrics], **style)
        axes[1, 0].plot(steps, [row["generator/adversarial"] for row in metrics], **style)
        axes[1, 1].semilogy([row["step"] for row in scores], [row["scores"]["fid"] for row in scores], **style)
    titles = (
        "discriminator/real - discriminator/fake",
        "generator/gradient_norm",
        "generator/adversarial",
        "FID (classifier; lower is better)",
    )
    for axis, title in zip(axes.flat, titles, strict=True):
        axis.set_title(title, fontsize=12)
        axis.set_xlabel("step")
        axis.grid(alpha=0.3)
    axes[0, 0].legend(fontsize=10)
    figure.savefig(PAGE, dpi=120)


if __name__ == "__main__":
    main()
