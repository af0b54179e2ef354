"""Trade-off between representativeness and diversity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mgd3_kedro.figures.looks import Look, pick_method_looks
from mgd3_kedro.figures.style import INK, MEDIUM, NARROW, add_legend, start_figure, tidy_axes
from mgd3_kedro.figures.trade_off_points import X_LABEL, Y_LABEL, collect_trades, frame_trades

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection
    from matplotlib.figure import Figure

OPACITY = 0.45
NOTE = "small: a class; large: mean over classes"


def draw_trade_off(scores: pd.DataFrame, *, title: str = "") -> Figure:
    """Draw a point per class and method, and a larger one for the mean of a method.

    Points far from all others are drawn hollow at the edge, so that the axes fit the others.

    Args:
        scores: Columns `method`, `wnid`, `class_name`, `diversity_normalised` and
            `representativeness_normalised`, both in [0, 1] with 1 best; rows of one class and
            method are averaged.
        title: Above the plot; empty for none.

    Raises:
        ValueError: If a column is missing, a score lies outside [0, 1], or no class has both
            scores.

    Source: arXiv 2505.18963, Figures 3 and 6.
    """
    trades, notes = collect_trades(scores)
    frame, further_out = frame_trades(trades)
    looks = pick_method_looks(trades)
    figure = start_figure(NARROW, NARROW, title)
    axes = figure.add_subplot()
    for method, trade in trades.items():
        look = looks[method]
        points, is_out = frame.place(trade.points)
        axes.scatter(
            points[:, 0],
            points[:, 1],
            s=16,
            facecolors=_fill(look.colour, ~is_out),
            edgecolors=_fill(look.colour, is_out),
            marker=look.marker,
        )
    means = [
        _draw_mean(axes, *frame.place(trade.mean[None]), looks[method], method)
        for method, trade in trades.items()
    ]
    tidy_axes(axes, grid=True)
    axes.set(**dict(zip(("xlim", "ylim"), frame.ranges, strict=True)))
    axes.set_xlabel(X_LABEL, fontsize=MEDIUM, color=INK)
    axes.set_ylabel(Y_LABEL, fontsize=MEDIUM, color=INK)
    add_legend(figure, means, (NOTE, *notes, *further_out))
    return figure


def _fill(colour: str, where: NDArray[np.bool_]) -> list[tuple[float, float, float, float]]:
    from matplotlib.colors import to_rgba

    return [to_rgba(colour, OPACITY if filled else 0) for filled in where]


def _draw_mean(
    axes: Axes, place: NDArray[Any], is_out: NDArray[Any], look: Look, method: str
) -> PathCollection:
    return axes.scatter(
        place[:, 0],
        place[:, 1],
        s=110,
        color="white" if is_out[0] else look.colour,
        marker=look.marker,
        edgecolors=look.colour if is_out[0] else INK,
        linewidths=1.0,
        zorder=3,
        label=method,
    )
