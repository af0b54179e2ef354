"""Representativeness against diversity, with the names of the classes, in a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgd3_kedro.figures.browser import lay_out
from mgd3_kedro.figures.looks import pick_method_looks
from mgd3_kedro.figures.style import INK
from mgd3_kedro.figures.trade_off_points import X_LABEL, Y_LABEL, collect_trades

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects

VALUES = "diversity %{x:.3f}<br>representativeness %{y:.3f}<extra></extra>"
RANGE = (-0.04, 1.04)


def draw_interactive_trade_off(
    scores: pd.DataFrame, *, title: str = ""
) -> plotly.graph_objects.Figure:
    """Draw what `draw_trade_off` draws; a point tells its class when touched.

    Args:
        scores: As in `draw_trade_off`.
        title: Above the plot; empty for none.

    Raises:
        ValueError: If a column is missing, a score lies outside [0, 1], or no class has both.

    Source: arXiv 2505.18963, Figures 3 and 6.
    """
    from plotly import graph_objects

    trades, notes = collect_trades(scores)
    figure = graph_objects.Figure()
    for method, look in pick_method_looks(trades).items():
        trade = trades[method]
        shared = {"mode": "markers", "name": method, "legendgroup": method}
        look_of_points = {"color": look.colour, "symbol": look.symbol}
        figure.add_scatter(
            x=trade.points[:, 0],
            y=trade.points[:, 1],
            **shared,
            showlegend=False,
            marker={**look_of_points, "size": 8, "opacity": 0.5},
            customdata=trade.class_names,
            hovertemplate=f"{method}: %{{customdata}}<br>{VALUES}",
        )
        figure.add_scatter(
            x=trade.mean[:1],
            y=trade.mean[1:],
            **shared,
            marker={**look_of_points, "size": 16, "line": {"color": INK, "width": 1}},
            hovertemplate=f"{method}, mean<br>{VALUES}",
        )
    lay_out(figure, title, notes)
    figure.update_xaxes(title={"text": X_LABEL}, range=RANGE)
    figure.update_yaxes(title={"text": Y_LABEL.replace("\n", "<br>")}, range=RANGE)
    return figure
