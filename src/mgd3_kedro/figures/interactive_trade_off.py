"""Representativeness against diversity, with class names, to explore in a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from mgd3_kedro.figures.browser import lay_out
from mgd3_kedro.figures.looks import Look, pick_method_looks
from mgd3_kedro.figures.style import INK
from mgd3_kedro.figures.trade_off_points import X_LABEL, Y_LABEL, collect_trades, frame_trades

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects

VALUES = "%{text}<extra></extra>"


def draw_interactive_trade_off(
    scores: pd.DataFrame, *, title: str = ""
) -> plotly.graph_objects.Figure:
    """Draw the content of `draw_trade_off`; hovering over a point shows its class.

    Args:
        scores: As in `draw_trade_off`.
        title: Above the plot; empty for none.

    Raises:
        ValueError: If a column is missing, a score lies outside [0, 1], or no class has both
            scores.

    Source: arXiv 2505.18963, Figures 3 and 6.
    """
    from plotly import graph_objects

    trades, notes = collect_trades(scores)
    frame, further_out = frame_trades(trades)
    figure = graph_objects.Figure()
    for method, look in pick_method_looks(trades).items():
        trade = trades[method]
        shared = {"mode": "markers", "name": method, "legendgroup": method}
        points, is_out = frame.place(trade.points)
        figure.add_scatter(
            x=points[:, 0],
            y=points[:, 1],
            **shared,
            showlegend=False,
            marker={**_hollow(look, is_out), "size": 8, "opacity": 0.5},
            customdata=trade.class_names,
            text=_tell(trade.points),
            hovertemplate=f"{method}: %{{customdata}}<br>{VALUES}",
        )
        mean, is_out = frame.place(trade.mean[None])
        figure.add_scatter(
            x=mean[:, 0],
            y=mean[:, 1],
            **shared,
            marker={**_hollow(look, is_out), "size": 16, "line": {"color": INK, "width": 1}},
            text=_tell(trade.mean[None]),
            hovertemplate=f"{method}, mean<br>{VALUES}",
        )
    lay_out(figure, title, [*notes, *further_out])
    horizontal, vertical = frame.ranges
    figure.update_xaxes(title={"text": X_LABEL}, range=horizontal)
    figure.update_yaxes(title={"text": Y_LABEL.replace("\n", "<br>")}, range=vertical)
    return figure


def _hollow(look: Look, is_out: NDArray[Any]) -> dict[str, Any]:
    symbols = [f"{look.symbol}-open" if out else look.symbol for out in is_out]
    return {"color": look.colour, "symbol": symbols}


def _tell(points: NDArray[Any]) -> list[str]:
    # A point at the edge shows its true values.
    return [f"diversity {x:.3f}<br>representativeness {y:.3f}" for x, y in points]
