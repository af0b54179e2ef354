"""Sweep over a knob, to explore in a browser."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mgd3_kedro.figures.browser import lay_out
from mgd3_kedro.figures.labels import find_knob_axis, label_measure
from mgd3_kedro.figures.looks import pick_method_looks
from mgd3_kedro.figures.style import LINE_STYLES, SYMBOLS
from mgd3_kedro.figures.sweep import FURTHER
from mgd3_kedro.figures.sweep_lines import collect_sweep

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects

DASHES = {"-": "solid", "--": "dash", ":": "dot", "-.": "dashdot"}
PANEL = 230


def draw_interactive_sweep(
    rows: pd.DataFrame,
    knob: str,
    *,
    headline: str,
    further: Sequence[str] = FURTHER,
    axes: Sequence[str] = (),
    title: str = "",
) -> plotly.graph_objects.Figure:
    """Draw the content of `draw_sweep`, with error bars instead of bands.

    Hovering over a point shows its value, mean and band; the legend hides and shows lines.

    Args:
        rows: As in `draw_sweep`.
        knob: The column that varies.
        headline: Accuracy in the top panel.
        further: Measures in the panels below; those that the rows lack are left out.
        axes: As in `draw_sweep`.
        title: Above all panels; empty for none.

    Raises:
        ValueError: If there is no row, or no value of knob or headline.

    Source: arXiv 2505.18963, Figures 4, 7 and 9.
    """
    from plotly import graph_objects
    from plotly.subplots import make_subplots

    sweep = collect_sweep(rows, knob, headline, further, axes)
    looks = pick_method_looks(line.method for line in sweep.lines)
    panels = len(sweep.measures)
    figure = make_subplots(panels, 1, shared_xaxes=True, vertical_spacing=0.06)
    for row, measure in enumerate(sweep.measures, 1):
        for line, shift in zip(sweep.lines, sweep.shifts, strict=True):
            places, means, lows, highs = line.points[measure].T
            look = looks[line.method]
            shape = SYMBOLS.index(look.symbol) + line.rank
            dash = DASHES[LINE_STYLES[line.rank % len(LINE_STYLES)]]
            trace = graph_objects.Scatter(
                x=places + shift,
                y=means,
                error_y={"array": highs - means, "arrayminus": means - lows, "thickness": 1},
                mode="lines+markers" if sweep.is_numeric else "markers",
                name=line.label,
                legendgroup=line.label,
                showlegend=row == 1,
                marker={"size": 9, "symbol": SYMBOLS[shape % len(SYMBOLS)]},
                line={"color": look.colour, "dash": dash},
                customdata=_describe(sweep.values, sweep.is_numeric, line.points[measure]),
                hovertemplate=f"{line.label}<br>{knob} %{{customdata}}<extra></extra>",
            )
            figure.add_trace(trace, row, 1)
        label = label_measure(measure).replace("\n", "<br>")
        figure.update_yaxes(title={"text": label, "font": {"size": 11}}, row=row, col=1)
    lay_out(figure, title, sweep.notes)
    figure.update_layout(height=180 + PANEL * panels)
    about = find_knob_axis(knob)
    figure.update_xaxes(title={"text": about.label}, row=panels, col=1)
    if not sweep.is_numeric:
        names = [str(value) for value in sweep.values]
        figure.update_xaxes(tickvals=list(range(len(names))), ticktext=names)
        return figure
    is_log = about.is_log(sweep.values)
    figure.update_xaxes(type="log" if is_log else "linear")
    if is_log:
        figure.update_xaxes(tickvals=list(sweep.values))
    if about.falling:
        figure.update_xaxes(autorange="reversed")
    return figure


def _describe(values: Sequence[object], is_numeric: bool, points: np.ndarray) -> list[str]:
    told = []
    for place, mean, low, high in points:
        value = f"{place:g}" if is_numeric else str(values[int(place)])
        band = f" ({low:.4g} to {high:.4g})" if np.isfinite(low) else ""
        told.append(f"{value}: {mean:.4g}{band}")
    return told
