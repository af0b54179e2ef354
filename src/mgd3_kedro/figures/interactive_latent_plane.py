"""Latent plane to explore in a browser."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mgd3_kedro.figures.latent_plane import Plane, list_methods
from mgd3_kedro.figures.looks import pick_method_looks
from mgd3_kedro.figures.style import INK, QUIET

if TYPE_CHECKING:
    import plotly.graph_objects


def draw_interactive_latent_plane(
    planes: Mapping[str, Plane], *, title: str = ""
) -> plotly.graph_objects.Figure:
    """Draw one class at a time, chosen from a menu; the legend hides and shows methods.

    Hovering over a point shows its index within its set: for synthetic samples, the number in the
    file name.

    Args:
        planes: Class name -> its plane; all classes must have the same methods.
        title: Above the plot; empty for none.

    Raises:
        ValueError: If there is no class, or classes differ in their methods.

    Source: after arXiv 2505.18963, Figure 3.
    """
    from plotly import graph_objects

    looks = pick_method_looks(list_methods(planes))
    traces, owners = [], []
    for name, (real, synthetic) in planes.items():
        sets = {"real": (real, {"size": 5, "color": QUIET, "opacity": 0.35})}
        for method, look in looks.items():
            marker = {
                "size": 11,
                "color": look.colour,
                "symbol": look.symbol,
                "line": {"color": "white", "width": 1},
            }
            sets[f"synthetic: {method}"] = (synthetic[method], marker)
        for label, (points, marker) in sets.items():
            owners.append(name)
            traces.append(
                graph_objects.Scatter(
                    x=points[:, 0],
                    y=points[:, 1],
                    mode="markers",
                    name=label,
                    legendgroup=label,
                    marker=marker,
                    visible=name == owners[0],
                    customdata=list(range(len(points))),
                    hovertemplate=f"{label}, image %{{customdata}}<extra></extra>",
                )
            )
    buttons = [
        {"label": name, "method": "restyle", "args": ["visible", [o == name for o in owners]]}
        for name in planes
    ]
    figure = graph_objects.Figure(traces)
    figure.update_layout(
        title={"text": title, "x": 0.02},
        template="plotly_white",
        font={"color": INK},
        legend={"orientation": "h", "y": -0.04},
        margin={"l": 20, "r": 20, "t": 70, "b": 20},
        updatemenus=[
            {"buttons": buttons, "x": 1, "xanchor": "right", "y": 1.02, "yanchor": "bottom"}
        ],
    )
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False, scaleanchor="x")
    return figure
