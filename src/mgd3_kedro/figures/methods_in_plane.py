"""One class: the samples of all methods among the real ones, in one plane."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mgd3_kedro.figures.looks import pick_method_looks
from mgd3_kedro.figures.points import Points, keep_finite
from mgd3_kedro.figures.style import (
    FAINT,
    INK,
    LIGHT,
    MEDIUM,
    NARROW,
    add_legend,
    shorten,
    start_figure,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PANELS_PER_ROW = 3


def draw_methods_in_plane(
    real: Points, methods: Mapping[str, Points], *, title: str = ""
) -> Figure:
    """Draw small multiples on one scale: a panel per method, the same real samples in each.

    Args:
        real: Real samples of the class, (N, 2).
        methods: Method -> its samples in the same plane, (K, 2); K may differ.
        title: Above all panels; empty for none.

    Raises:
        ValueError: If there is no method, or points are not (N, 2).

    Source: arXiv 2505.18963, Figure 3.
    """
    from matplotlib.lines import Line2D

    real, synthetic, notes = collect_plane(real, methods)
    columns = 2 if len(synthetic) in (2, 4) else min(PANELS_PER_ROW, len(synthetic))
    rows = -(-len(synthetic) // columns)
    figure = start_figure(NARROW, 0.7 + NARROW / columns * rows, title)
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).flat
    looks = pick_method_looks(synthetic)
    for axes, (method, points) in zip(panels, synthetic.items(), strict=False):
        look = looks[method]
        axes.scatter(real[:, 0], real[:, 1], s=4, color=LIGHT, linewidths=0, rasterized=True)
        axes.scatter(
            points[:, 0],
            points[:, 1],
            s=26,
            color=look.colour,
            marker=look.marker,
            edgecolors="white",
            linewidths=0.6,
            zorder=3,
        )
        axes.set_title(shorten(method, 20), fontsize=MEDIUM, color=INK, pad=3)
        # The units of t-SNE have no meaning: no ticks, and the same scale on both axes.
        axes.set(xticks=[], yticks=[])
        axes.set_aspect("equal", adjustable="box")
        axes.spines[:].set_color(FAINT)
    for axes in panels[len(synthetic) :]:
        axes.set_visible(False)
    dot = Line2D([], [], color=LIGHT, marker="o", markersize=3, linestyle="", label="real samples")
    add_legend(figure, [dot], notes)
    return figure


def collect_plane(
    real: Points, methods: Mapping[str, Points]
) -> tuple[Points, dict[str, Points], list[str]]:
    """Return the finite real samples, the finite samples of every method, and notes.

    The notes say what was left out.

    Args:
        real: Real samples of the class, (N, 2).
        methods: Method -> its samples in the same plane, (K, 2).

    Raises:
        ValueError: If there is no method, or points are not (N, 2).
    """
    if not methods:
        raise ValueError("methods: expected at least one, got none")
    kept_real, of_real = keep_finite({"the real ones": real})
    kept, notes = keep_finite(methods)
    return kept_real["the real ones"], dict(kept), [*of_real, *notes]
