"""Scatter plots of points of the plane, with the level lines of the discriminator."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

REAL, FAKE = "#2b6cb0", "#f2711c"  # blue and orange, which colour-blind readers can distinguish
LINE, QUIET = "#c4c4c4", "#bbbbbb"
LIMIT = 1.2  # of both axes in every picture of a run; the output of G is in [-1, 1]


def scatter(real: Tensor, fake: Tensor, title: str, levels: Tensor | None = None) -> Tensor:
    """Draws points of the plane (N, 2, 1, 1), fake over real, in one picture (3, height, width) uint8. ``levels`` (n,
    n) are D's logits on a square lattice over [-1.5, 1.5]², rows from bottom to top: their level lines are drawn under
    the points, unless they are constant or not finite."""
    # The import takes a second. Objects are used instead of pyplot, which keeps all figures in a global list.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 5.5), dpi=110, facecolor="white", layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_subplot(aspect="equal", xlim=(-LIMIT, LIMIT), ylim=(-LIMIT, LIMIT))
    if levels is not None:
        _level_lines(figure, axes, levels.numpy())
    for points, colour, name in ((real, REAL, "real"), (fake, FAKE, "fake")):
        if not len(points):  # scripts/sample.py has no real points
            continue
        x, y = points.flatten(1).T.numpy()
        axes.scatter(x, y, s=7, color=colour, alpha=0.6, linewidths=0, label=name, zorder=3)
    axes.set_title(title, loc="left", fontsize=12)
    axes.legend(
        loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False, markerscale=3, borderaxespad=0.2,
        handletextpad=0.1, columnspacing=1,
    )  # fmt: skip
    axes.spines[:].set_color(QUIET)
    axes.tick_params(color=QUIET, labelcolor="#666666", labelsize=9)
    canvas.draw()
    return torch.from_numpy(np.asarray(canvas.buffer_rgba())[:, :, :3].copy()).permute(2, 0, 1)


def _level_lines(figure: Any, axes: Any, levels: np.ndarray) -> None:
    """Draws filled contours of ``levels``, and a bar with their values."""
    from matplotlib.ticker import MaxNLocator

    side = np.linspace(-1.5, 1.5, len(levels))
    visible = levels[np.ix_(abs(side) <= LIMIT, abs(side) <= LIMIT)]
    least, most = float(visible.min()), float(visible.max())
    if not (np.isfinite(levels).all() and most - least > 1e-6 * max(abs(least), abs(most), 1e-6)):
        return  # D is constant, or not finite
    heights = MaxNLocator(14).tick_values(least, most)
    filled = axes.contourf(side, side, levels, heights, cmap="Greys", alpha=0.16, extend="both")
    axes.contour(side, side, levels, heights, colors=LINE, linewidths=0.7, linestyles="solid")
    bar = figure.colorbar(filled, ax=axes, shrink=0.9, pad=0.02, label="logit of the discriminator", drawedges=True)
    bar.outline.set_color(QUIET)
    bar.dividers.set_color(LINE)
    bar.ax.tick_params(color=QUIET, labelcolor="#666666", labelsize=9)
