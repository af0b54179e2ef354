"""Where synthetic samples lie among the real ones, in a plane shared by all methods."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from mgd3_kedro.figures.looks import Look, pick_method_looks
from mgd3_kedro.figures.style import (
    FAINT,
    INK,
    LIGHT,
    MEDIUM,
    shorten,
    start_figure,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Plane = tuple[NDArray[Any], Mapping[str, NDArray[Any]]]
"""One class: coordinates of the real samples (N, 2), and method -> those of its samples (M, 2)."""

PANEL = 1.75
EDGE, EDGE_WIDTH = "white", 0.6
PANELS_PER_ROW = 5


def draw_latent_plane(planes: Mapping[str, Plane], *, title: str = "") -> Figure:
    """Draw small multiples: real samples as light dots, synthetic ones highlighted.

    A single method gives a grid of classes, and a single class a grid of methods. Several methods
    and classes give one row per method and one column per class, so that methods can be compared
    within a column.

    Args:
        planes: Class name -> its plane; all classes must have the same methods.
        title: Above all panels; empty for none.

    Raises:
        ValueError: If there is no class, or classes differ in their methods.

    Source: arXiv 2505.18963, Figure 3.
    """
    from matplotlib.lines import Line2D

    methods = list_methods(planes)
    looks = pick_method_looks(methods)
    panels = [(name, method) for method in methods for name in planes]
    is_table = len(methods) > 1 and len(planes) > 1
    columns = len(planes) if is_table else min(PANELS_PER_ROW, len(panels))
    rows = -(-len(panels) // columns)

    width = max(3.5, PANEL * columns)
    figure = start_figure(width, PANEL * rows + 0.9, title)
    grid = figure.subplots(rows, columns, squeeze=False).flat
    for axes, (name, method) in zip(grid, panels, strict=False):
        real, synthetic = planes[name]
        _draw_panel(axes, real, synthetic[method], looks[method])
        above, beside = (name, method) if is_table or len(methods) == 1 else (method, name)
        if method == methods[0] or not is_table:
            axes.set_title(shorten(above, 20), fontsize=MEDIUM, color=INK, pad=3)
        if len(methods) > 1 and axes.get_subplotspec().is_first_col():
            axes.set_ylabel(shorten(beside, 20), fontsize=MEDIUM, color=INK)
    for axes in grid[len(panels) :]:
        axes.set_visible(False)

    handles = [Line2D([], [], color=LIGHT, marker="o", markersize=3, linestyle="", label="real")]
    handles += [
        Line2D(
            [],
            [],
            color=look.colour,
            marker=look.marker,
            markeredgecolor=EDGE,
            markeredgewidth=EDGE_WIDTH,
            markersize=5,
            linestyle="",
            label=method,
        )
        for method, look in looks.items()
    ]
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=max(1, min(len(handles), int(width / 1.5))),
        frameon=False,
        fontsize=MEDIUM,
    )
    return figure


def list_methods(planes: Mapping[str, Plane]) -> list[str]:
    """Return the methods that every class has, in their order.

    Raises:
        ValueError: If there is no class or method, or classes differ.
    """
    if not planes:
        raise ValueError("planes: expected at least one class, got none")
    of_classes = {name: list(synthetic) for name, (_, synthetic) in planes.items()}
    methods = next(iter(of_classes.values()))
    for name, others in of_classes.items():
        if set(others) != set(methods) or not methods:
            raise ValueError(
                f"planes: expected every class with the same methods {methods}, got {others} "
                f"for {name!r}"
            )
    return methods


def _draw_panel(axes: Axes, real: NDArray[Any], synthetic: NDArray[Any], look: Look) -> None:
    axes.scatter(real[:, 0], real[:, 1], s=4, color=LIGHT, linewidths=0, rasterized=True)
    axes.scatter(
        synthetic[:, 0],
        synthetic[:, 1],
        s=30,
        color=look.colour,
        marker=look.marker,
        edgecolors=EDGE,
        linewidths=EDGE_WIDTH,
        zorder=3,
    )
    # The units of t-SNE have no meaning: no ticks, and the same scale on both axes.
    axes.set(xticks=[], yticks=[])
    axes.set_aspect("equal", adjustable="datalim")
    axes.spines[:].set_color(FAINT)
