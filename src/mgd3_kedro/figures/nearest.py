"""Distances of samples and of unseen images to the training images of a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mgd3_kedro.figures.style import (
    COLOURS,
    INK,
    MEDIUM,
    NARROW,
    QUIET,
    SMALL,
    add_legend,
    start_figure,
    tidy_axes,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BINS = 40
NEAREST_PERCENT = 1
OPACITY = 0.45


def draw_nearest(samples: ArrayLike, unseen: ArrayLike, *, title: str = "") -> Figure:
    """Draw histograms of the distance to the nearest training image, of samples and unseen images.

    Both histograms have the same bins and show shares, so the two sets may differ in size. A line
    marks the distance that 1 % of the unseen images are below; a copy has distance 0.

    Args:
        samples: (M,), distance of each sample to the nearest training image of its class.
        unseen: (U,), the same for real images that were not trained on.
        title: Above the plot; empty for none.

    Raises:
        ValueError: If a set is empty, or has a value that is not finite.

    Source: after arXiv 2004.05675, Figure 1.
    """
    sets = {"samples": _checked("samples", samples), "test images": _checked("unseen", unseen)}
    edges = np.histogram_bin_edges(np.concatenate([*sets.values()]), BINS)
    limit = float(np.percentile(sets["test images"], NEAREST_PERCENT))
    nearer = 100 * float((sets["samples"] < limit).mean())

    figure = start_figure(NARROW, 3.4, title)
    axes = figure.add_subplot()
    for (name, distances), colour in zip(sets.items(), (COLOURS[1], COLOURS[0]), strict=True):
        shares = 100 * np.histogram(distances, edges)[0] / len(distances)
        label = f"{name} ({len(distances):,})"
        axes.stairs(shares, edges, fill=True, color=colour, alpha=OPACITY, label=label)
        axes.stairs(shares, edges, color=colour, linewidth=1.2)
    axes.axvline(limit, color=QUIET, linewidth=1.0, linestyle="--")
    axes.annotate(
        f"nearer: {NEAREST_PERCENT} % of test images,\n{nearer:.1f} % of samples",
        (limit, 1),
        xycoords=("data", "axes fraction"),
        xytext=(4, -2),
        textcoords="offset points",
        va="top",
        fontsize=SMALL,
        color=QUIET,
    )
    axes.margins(y=0.3)
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("distance to the nearest training image", fontsize=MEDIUM, color=INK)
    axes.set_ylabel("share, %", fontsize=MEDIUM, color=INK)
    tidy_axes(axes, grid=True)
    add_legend(figure, axes.get_legend_handles_labels()[0])
    return figure


def _checked(name: str, distances: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(distances, dtype=np.float64)
    if array.ndim != 1 or not len(array) or not np.isfinite(array).all():
        raise ValueError(
            f"{name}: expected finite distances, (N,) with N > 0, got shape {array.shape} with "
            f"{int((~np.isfinite(array)).sum())} that are not finite"
        )
    return array
