"""Samples of all methods over the real ones of one class, to explore in a browser."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from mgd3_kedro.figures.browser import lay_out
from mgd3_kedro.figures.looks import pick_method_looks
from mgd3_kedro.figures.methods_in_plane import collect_plane
from mgd3_kedro.figures.points import Points
from mgd3_kedro.figures.style import LIGHT

if TYPE_CHECKING:
    import plotly.graph_objects


def draw_interactive_methods_in_plane(
    real: Points, methods: Mapping[str, Points], *, title: str = ""
) -> plotly.graph_objects.Figure:
    """Draw all methods over each other; the legend hides and shows them.

    Hovering over a point shows its index within its set: for synthetic samples, the number in the
    file name.

    Args:
        real: Real samples of the class, (N, 2).
        methods: Method -> its samples in the same plane, (K, 2); K may differ.
        title: Above the plot; empty for none.

    Raises:
        ValueError: If there is no method, or points are not (N, 2).

    Source: arXiv 2505.18963, Figure 3.
    """
    from plotly import graph_objects

    kept_real, synthetic, notes = collect_plane(real, methods)
    figure = graph_objects.Figure()
    figure.add_scatter(
        x=kept_real[:, 0],
        y=kept_real[:, 1],
        mode="markers",
        name="real",
        marker={"size": 5, "color": LIGHT, "opacity": 0.6},
        hoverinfo="skip",
    )
    for method, look in pick_method_looks(synthetic).items():
        points = synthetic[method]
        figure.add_scatter(
            x=points[:, 0],
            y=points[:, 1],
            mode="markers",
            name=method,
            marker={
                "size": 11,
                "color": look.colour,
                "symbol": look.symbol,
                "line": {"color": "white", "width": 1},
            },
            customdata=np.flatnonzero(np.isfinite(methods[method]).all(axis=1)).tolist(),
            hovertemplate=f"{method}, image %{{customdata}}<extra></extra>",
        )
    lay_out(figure, title, notes)
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False, scaleanchor="x")
    return figure
