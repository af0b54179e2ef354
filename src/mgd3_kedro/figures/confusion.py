"""Confusion matrix of a network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mgd3_kedro.figures.style import INK, MEDIUM, QUIET, SMALL, shorten, start_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLASSES_WITH_TEXT = 20
DARK_SHARE = 36


def draw_confusion(
    counts: NDArray[Any], class_names: Sequence[str], *, title: str = "", trainings: int = 1
) -> Figure:
    """Draw a confusion matrix: coloured by share of the true class, counts written in the cells.

    Colours follow the square root of the share, so that the few confusions of a good network are
    visible. With more than 20 classes, no counts are written, and labels are numbers.

    Args:
        counts: (L, L) for L classes, images of the true class (row) predicted as a class (column).
        class_names: L names, in label order.
        title: Above the matrix; empty for none. The accuracy is always written.
        trainings: Number of trainings whose counts are added up.

    Raises:
        ValueError: If `counts` is not (L, L) of non-negative numbers, or all counts are 0.
    """
    counts = np.asarray(counts)
    classes = len(class_names)
    if counts.shape != (classes, classes) or not classes:
        raise ValueError(
            f"counts: expected shape ({classes}, {classes}) for {classes} class names, "
            f"got {counts.shape}"
        )
    total = counts.sum()
    if (counts < 0).any() or total == 0:
        raise ValueError(
            f"counts: expected numbers of images, got minimum {counts.min()} and sum {total}"
        )
    from matplotlib.colors import PowerNorm

    shares = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    with_text = classes <= CLASSES_WITH_TEXT
    side = max(3.2, 0.42 * classes + 1.6) if with_text else 6.4
    figure = start_figure(side + 0.8, side, title)
    axes = figure.add_subplot()
    image = axes.imshow(shares, cmap="Blues", norm=PowerNorm(0.5, vmin=0, vmax=100))
    added = f", {trainings} trainings added up" if trainings > 1 else ""
    axes.set_title(
        f"top-1 {100 * np.trace(counts) / total:.1f} % of {total:,} images{added}",
        fontsize=MEDIUM,
        color=QUIET,
    )
    axes.set_xlabel("predicted", fontsize=MEDIUM, color=INK)
    axes.set_ylabel("true", fontsize=MEDIUM, color=INK)
    axes.tick_params(labelsize=SMALL, colors=QUIET, labelcolor=INK, length=0)
    axes.spines[:].set_visible(False)
    if with_text:
        names = [shorten(name, 20) for name in class_names]
        axes.set_xticks(range(classes), names, rotation=45, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(classes), names)
        for row, column in np.argwhere(counts > 0):
            axes.text(
                column,
                row,
                f"{counts[row, column]}",
                ha="center",
                va="center",
                fontsize=SMALL,
                color="white" if shares[row, column] > DARK_SHARE else INK,
            )
    bar = figure.colorbar(image, ax=axes, shrink=0.8, pad=0.02)
    bar.set_ticks([0, 1, 5, 10, 25, 50, 100])
    bar.set_label("% of the true class", fontsize=SMALL, color=INK)
    bar.ax.tick_params(labelsize=SMALL, colors=QUIET, labelcolor=INK, length=0)
    bar.outline.set_visible(False)
    return figure
