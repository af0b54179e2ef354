"""Charts of the classes of one run, as Plotly JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mgd3_kedro.figures.looks import pick_method_looks
from mgd3_kedro.figures.style import LIGHT
from mgd3_kedro.report.parts import Chart
from mgd3_kedro.report.wording import in_chart

CLASSES_WITH_TEXT = 20


def chart_confusion(counts: NDArray[Any], class_names: Sequence[str]) -> Chart:
    """Return a confusion matrix: shares of the true class; up to 20 classes also show counts.

    Args:
        counts: (L, L), number of images of the true class (row) predicted as a class (column).
        class_names: L names, in label order.
    """
    shares = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    # Positions are the coordinates, because names may repeat.
    places = list(range(len(class_names)))
    names = [in_chart(name) for name in class_names]
    told = [
        [f"{names[row]} taken for {names[column]}: {counts[row, column]:,}" for column in places]
        for row in places
    ]
    with_text = len(names) <= CLASSES_WITH_TEXT
    trace = {
        "type": "heatmap",
        # Square roots make the few confusions of a good network visible.
        "z": np.sqrt(shares),
        "zmin": 0,
        "zmax": 10,
        "x": places,
        "y": places,
        "text": [[str(n) if n else "" for n in row] for row in counts.tolist()],
        "texttemplate": "%{text}" if with_text else "",
        "hovertext": told,
        "customdata": shares,
        "hovertemplate": "%{hovertext} (%{customdata:.1f} % of the class)<extra></extra>",
        "colorscale": [[0, "rgba(0,98,163,0.03)"], [0.3, "rgba(0,114,178,0.35)"], [1, "#0072B2"]],
        "showscale": False,
        "xgap": 1,
        "ygap": 1,
    }
    ticks = {"tickvals": places, "ticktext": names} if with_text else {}
    layout = {
        "xaxis": {"title": {"text": "predicted"}, "showgrid": False, "zeroline": False, **ticks},
        "yaxis": {
            "title": {"text": "true"},
            "autorange": "reversed",
            "showgrid": False,
            "zeroline": False,
            **ticks,
        },
        "margin": {"t": 10},
    }
    return Chart([trace], layout, 300 + 20 * min(len(names), 20), "confusion matrix")


def chart_planes(planes: Mapping[str, Mapping[str, Any]], method: str) -> Chart:
    """Return a chart of the planes of all classes; the page shows one class at a time.

    Args:
        planes: Class -> `real` (N, 2), `made` (M, 2) and `ids`, the ids of the M images on the
            page.
        method: Method that made the images.

    Source: arXiv 2505.18963, Figure 3.
    """
    look = pick_method_looks([method])[method]
    traces = []
    for place, plane in enumerate(planes.values()):
        shared = {"type": "scatter", "mode": "markers", "meta": place, "visible": place == 0}
        real, made = np.asarray(plane["real"], float), np.asarray(plane["made"], float)
        traces.append(
            {
                **shared,
                "name": "real images",
                "x": real[:, 0],
                "y": real[:, 1],
                "marker": {"size": 5, "color": LIGHT, "opacity": 0.7},
                "hoverinfo": "skip",
            }
        )
        traces.append(
            {
                **shared,
                "name": f"distilled images, {in_chart(method)}",
                "x": made[:, 0],
                "y": made[:, 1],
                "customdata": list(plane["ids"]),
                "marker": {
                    "size": 12,
                    "color": look.colour,
                    "symbol": look.symbol,
                    "line": {"color": "#ffffff", "width": 1},
                },
                # The page shows the image instead.
                "hoverinfo": "none",
            }
        )
    layout = {
        "xaxis": {"visible": False},
        "yaxis": {"visible": False, "scaleanchor": "x"},
        "legend": {"orientation": "h", "y": -0.02, "x": 0, "yanchor": "top"},
        "margin": {"t": 10, "l": 10, "r": 10, "b": 10},
        "hovermode": "closest",
    }
    return Chart(traces, layout, 480, "real and distilled images of a class in a plane of t-SNE")
