"""Common layout of all figures that are explored in a browser."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mgd3_kedro.figures.style import INK

if TYPE_CHECKING:
    import plotly.graph_objects


def lay_out(figure: plotly.graph_objects.Figure, title: str, notes: Sequence[str] = ()) -> None:
    """Apply the common layout: white, the legend below, notes under the title."""
    figure.update_layout(
        title={"text": title, "x": 0.02, "subtitle": {"text": "<br>".join(notes)}},
        template="plotly_white",
        font={"color": INK},
        legend={"orientation": "h", "y": -0.2, "itemsizing": "constant"},
        margin={"l": 60, "r": 20, "t": 80, "b": 60},
    )
