"""Representativeness against diversity: what a method pays for one with the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgd3_kedro.figures.looks import pick_method_looks
from mgd3_kedro.figures.style import INK, MEDIUM, NARROW, add_legend, start_figure, tidy_axes
from mgd3_kedro.figures.trade_off_points import X_LABEL, Y_LABEL, collect_trades

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

NOTE = "small: a class; large: mean over classes"


def draw_trade_off(scores: pd.DataFrame, *, title: str = "") -> Figure:
    """Draw a point per class and method, and a larger one for the mean of a method.

    Args:
        scores: `method`, `wnid`, `class_name`, `diversity_normalised` and
            `representativeness_normalised`, both in [0, 1] with 1 best; rows of one class and
            method are averaged.
        title: Above the plot; empty for none.

    Raises:
        ValueError: If a column is missing, a score lies outside [0, 1], or no class has both.

    Source: arXiv 2505.18963, Figures 3 and 6.
    """
    trades, notes = collect_trades(scores)
    looks = pick_method_looks(trades)
    figure = start_figure(NARROW, NARROW, title)
    axes = figure.add_subplot()
    for method, trade in trades.items():
        look = looks[method]
        diversity, representativeness = trade.points.T
        axes.scatter(
            diversity,
            representativeness,
            s=16,
            color=look.colour,
            marker=look.marker,
            alpha=0.45,
            linewidths=0,
        )
    means = [
        axes.scatter(
            trade.mean[0],
            trade.mean[1],
            s=110,
            color=looks[method].colour,
            marker=looks[method].marker,
            edgecolors=INK,
            linewidths=1.0,
            zorder=3,
            label=method,
        )
        for method, trade in trades.items()
    ]
    tidy_axes(axes, grid=True)
    axes.set(xlim=(-0.04, 1.04), ylim=(-0.04, 1.04))
    axes.set_xlabel(X_LABEL, fontsize=MEDIUM, color=INK)
    axes.set_ylabel(Y_LABEL, fontsize=MEDIUM, color=INK)
    add_legend(figure, means, (NOTE, *notes))
    return figure
