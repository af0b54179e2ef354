"""Figures of a page, as Plotly's JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mgd3_kedro.figures.looks import pick_method_looks
from mgd3_kedro.figures.style import COLOURS, LIGHT
from mgd3_kedro.report.parts import Chart
from mgd3_kedro.report.wording import in_chart

DASHES = ("solid", "dash", "dot", "dashdot")
SHADES = ("#3b4a6b", "#5f7ba5", "#8fb1cf", "#c9b458", "#9c7a3c")
"""Of parts of a whole, which no method has."""
CLASSES_WITH_TEXT = 20
LEGEND_BELOW = {"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom", "x": 0}


def chart_lines(
    lines: Mapping[str, Sequence[tuple[float, float]]],
    x: str,
    y: str,
    *,
    from_zero: bool = False,
    log_x: bool = False,
    methods: bool = False,
) -> Chart:
    """Return lines over a number, all on one pair of axes.

    Args:
        lines: Name -> (x, y) of its points, in order.
        x: What the horizontal axis is called.
        y: What the vertical axis is called.
        from_zero: Whether the vertical axis begins at 0.
        log_x: Whether equal steps to the right are equal factors.
        methods: Whether names are those of methods, which have colours of their own.

    Source: ours.
    """
    looks = pick_method_looks(lines) if methods else {}
    traces = []
    for place, (name, points) in enumerate(lines.items()):
        rounds, number = divmod(place, len(COLOURS))
        colour = looks[name].colour if methods else COLOURS[number]
        xs, ys = np.array(points, dtype=float).reshape(-1, 2).T
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers" if len(xs) < 40 else "lines",
                "name": in_chart(name),
                "x": xs,
                "y": ys,
                "line": {"color": colour, "width": 2, "dash": DASHES[rounds % len(DASHES)]},
                "marker": {"size": 5},
                "hovertemplate": f"{in_chart(name)}<br>{x} %{{x}}: %{{y:.4g}}<extra></extra>",
            }
        )
    layout = {
        "title": {"text": y, "x": 0, "xref": "paper", "font": {"size": 14}},
        "xaxis": {
            "title": {"text": x, "standoff": 8},
            "showgrid": False,
            "type": "log" if log_x else "linear",
            **(
                {"tickvals": sorted({one for of in lines.values() for one, _ in of})}
                if log_x
                else {}
            ),
        },
        "yaxis": {"rangemode": "tozero" if from_zero else "normal"},
        "legend": LEGEND_BELOW,
        "showlegend": len(lines) > 1,
    }
    return Chart(traces, layout, 340, f"{y} over {x} of {', '.join(lines)}")


def chart_confusion(counts: NDArray[Any], class_names: Sequence[str]) -> Chart:
    """Return a confusion matrix: shares of the true class, of up to 20 classes with the counts.

    Args:
        counts: (L, L), images of true class (row) taken for a class (column).
        class_names: L names, in label order.

    Source: ours.
    """
    shares = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    # Names may repeat, places do not.
    places = list(range(len(class_names)))
    names = [in_chart(name) for name in class_names]
    told = [
        [f"{names[row]} taken for {names[column]}: {counts[row, column]:,}" for column in places]
        for row in places
    ]
    with_text = len(names) <= CLASSES_WITH_TEXT
    trace = {
        "type": "heatmap",
        # Square roots: the few confusions of a good network show, too.
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


def chart_points(
    groups: Mapping[str, Sequence[Mapping[str, Any]]],
    x: str,
    y: str,
    *,
    reversed_y: bool = False,
    ranges: Sequence[tuple[float, float]] = (),
    labelled: bool = False,
) -> Chart:
    """Return points with names, those of every group in a look of their own.

    Args:
        groups: Method -> its points, each with `x`, `y` and `name`; `large` where it stands out,
            `hollow` where it is not in its place; `told` where its values are told otherwise.
        x: What the horizontal axis is called.
        y: What the vertical axis is called.
        reversed_y: Whether small values are on top.
        ranges: Of the two axes; empty for what fits.
        labelled: Whether names are written beside the points.

    Source: ours.
    """
    traces = []
    for method, look in pick_method_looks(groups).items():
        points = groups[method]
        traces.append(
            {
                "type": "scatter",
                "mode": "markers+text" if labelled else "markers",
                "textposition": "top center",
                "textfont": {"size": 11},
                "name": in_chart(method),
                "x": [point["x"] for point in points],
                "y": [point["y"] for point in points],
                "text": [in_chart(point["name"]) for point in points],
                "customdata": [
                    point.get("told", f"{point['x']:.3f}, {point['y']:.3f}") for point in points
                ],
                "marker": {
                    "color": look.colour,
                    "symbol": [
                        f"{look.symbol}-open" if point.get("hollow") else look.symbol
                        for point in points
                    ],
                    "size": [16 if point.get("large") else 9 for point in points],
                    "opacity": [1 if point.get("large") else 0.6 for point in points],
                    "line": {"color": "#ffffff", "width": 1},
                },
                "hovertemplate": "%{text}<br>%{customdata}<extra></extra>",
            }
        )
    fixed: list[dict[str, Any]] = [{"range": list(one)} for one in ranges] or [
        {},
        {"autorange": "reversed" if reversed_y else True},
    ]
    layout = {
        "xaxis": {"title": {"text": x, "standoff": 8}, **fixed[0]},
        "yaxis": {"title": {"text": y}, **fixed[1]},
        "legend": LEGEND_BELOW,
        "showlegend": len(groups) > 1,
        "margin": {"t": 14},
    }
    return Chart(traces, layout, 440, f"{y} against {x}")


def chart_stacks(parts: Mapping[str, Sequence[float]], names: Sequence[str], unit: str) -> Chart:
    """Return a bar per name, made of parts.

    Args:
        parts: Part -> its length in every bar.
        names: Of the bars, from top to bottom.
        unit: Of the lengths.

    Source: ours.
    """
    traces = [
        {
            "type": "bar",
            "orientation": "h",
            "name": in_chart(part),
            "y": [in_chart(name) for name in names],
            "x": list(lengths),
            "marker": {"color": SHADES[place % len(SHADES)]},
            "hovertemplate": f"%{{y}}, {in_chart(part)}: %{{x:.3g}} {unit}<extra></extra>",
        }
        for place, (part, lengths) in enumerate(parts.items())
    ]
    layout = {
        "barmode": "stack",
        "xaxis": {"title": {"text": unit, "standoff": 8}},
        "yaxis": {"autorange": "reversed", "showgrid": False, "type": "category"},
        "legend": LEGEND_BELOW,
        "margin": {"t": 10},
    }
    return Chart(traces, layout, 170 + 28 * len(names), f"{unit} of {', '.join(names)}")


def chart_planes(planes: Mapping[str, Mapping[str, Any]], method: str) -> Chart:
    """Return classes in their planes; the page shows one at a time.

    Args:
        planes: Class -> `real` (N, 2), `made` (M, 2) and `ids`, M names of its images on the page.
        method: What made the images.

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
