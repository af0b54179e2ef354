"""Charts of a report page, as Plotly JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mgd3_kedro.figures.looks import pick_method_looks
from mgd3_kedro.figures.style import COLOURS
from mgd3_kedro.report.parts import Chart
from mgd3_kedro.report.wording import in_chart

DASHES = ("solid", "dash", "dot", "dashdot")
SHADES = ("#3b4a6b", "#5f7ba5", "#8fb1cf", "#c9b458", "#9c7a3c")
"""Colours of the parts of a bar; no method has any of them."""
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
    """Return a line chart with all lines on one pair of axes.

    Args:
        lines: Name -> (x, y) of its points, in order.
        x: Label of the horizontal axis.
        y: Label of the vertical axis.
        from_zero: Whether the vertical axis begins at 0.
        log_x: Whether the horizontal axis is logarithmic.
        methods: Whether the names are those of methods, which have colours of their own.
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


def chart_points(
    groups: Mapping[str, Sequence[Mapping[str, Any]]],
    x: str,
    y: str,
    *,
    reversed_y: bool = False,
    ranges: Sequence[tuple[float, float]] = (),
    labelled: bool = False,
) -> Chart:
    """Return a scatter chart of named points; every group has its own colour and symbol.

    Args:
        groups: Method -> its points, each with `x`, `y` and `name`. Optional keys: `large` for an
            emphasised point, `hollow` for a point that is not drawn at its true position, `told`
            for a text to show instead of its values.
        x: Label of the horizontal axis.
        y: Label of the vertical axis.
        reversed_y: Whether small values are at the top.
        ranges: Ranges of the two axes; empty to fit the points.
        labelled: Whether names are written beside the points.
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
    """Return a chart of stacked horizontal bars, one per name.

    Args:
        parts: Part -> its length in every bar.
        names: Names of the bars, from top to bottom.
        unit: Unit of the lengths.
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
