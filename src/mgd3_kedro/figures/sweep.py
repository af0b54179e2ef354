"""Effect of a knob: accuracy, diversity and representativeness against its value."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mgd3_kedro.figures.labels import find_knob_axis, label_measure
from mgd3_kedro.figures.looks import Look, pick_method_looks
from mgd3_kedro.figures.style import (
    INK,
    LINE_STYLES,
    MARKERS,
    MEDIUM,
    NARROW,
    SMALL,
    add_legend,
    shorten,
    start_figure,
    tidy_axes,
)
from mgd3_kedro.figures.sweep_lines import Sweep, SweepLine, collect_sweep

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FURTHER = ("diversity", "representativeness")
PANEL = 1.75
SMALLEST_GAP = 0.06
MANY_CHARACTERS = 40


def draw_sweep(
    rows: pd.DataFrame,
    knob: str,
    *,
    headline: str,
    further: Sequence[str] = FURTHER,
    axes: Sequence[str] = (),
    title: str = "",
) -> Figure:
    """Draw measures against the values of a knob, one panel per measure: mean lines with bands.

    Numeric values lie on a common axis and are joined. Categories lie side by side, with error
    bars.

    Args:
        rows: One row per training, where rows of a point are averaged and bands are the population
            standard deviation; or one row per point with MEASURE_mean, MEASURE_low and
            MEASURE_high.
        knob: The column that varies, e.g. `stop_guidance_step`.
        headline: Accuracy in the top panel, e.g. `top1_last`.
        further: Measures in the panels below; those that the rows lack are left out.
        axes: Columns in which lines may differ, besides the settings that all rows have.
        title: Above all panels; empty for none.

    Raises:
        ValueError: If there is no row, or no value of knob or headline.

    Source: arXiv 2505.18963, Figures 4, 7 and 9.
    """
    sweep = collect_sweep(rows, knob, headline, further, axes)
    looks = pick_method_looks(line.method for line in sweep.lines)
    below = 0.9 if sweep.is_numeric else 1.3
    figure = start_figure(NARROW, below + PANEL * len(sweep.measures), title)
    panels = figure.subplots(len(sweep.measures), 1, sharex=True, squeeze=False)[:, 0]
    for panel, measure in zip(panels, sweep.measures, strict=True):
        for line, shift in zip(sweep.lines, sweep.shifts, strict=True):
            _draw_line(panel, line, measure, looks[line.method], shift, sweep.is_numeric)
        tidy_axes(panel, grid=True)
        panel.set_ylabel(label_measure(measure), fontsize=SMALL, color=INK)
    _lay_out_knob(panels[-1], sweep, knob)
    add_legend(figure, panels[0].get_legend_handles_labels()[0], sweep.notes)
    return figure


def _draw_line(
    axes: Axes, line: SweepLine, measure: str, look: Look, shift: float, is_numeric: bool
) -> None:
    places, means, lows, highs = line.points[measure].T
    places = places + shift
    style = LINE_STYLES[line.rank % len(LINE_STYLES)] if is_numeric else ""
    first = MARKERS.index(look.marker)
    axes.plot(
        places,
        means,
        color=look.colour,
        linestyle=style,
        linewidth=1.5,
        marker=MARKERS[(first + line.rank) % len(MARKERS)],
        markersize=5,
        markeredgecolor="white",
        markeredgewidth=0.5,
        label=line.label,
        zorder=3,
    )
    has_band = np.isfinite(lows)
    alone = has_band & ~_has_neighbour(has_band) if is_numeric else has_band
    if (has_band & ~alone).any():
        axes.fill_between(places, lows, highs, color=look.colour, alpha=0.18, linewidth=0)
    for place, low, high in zip(places[alone], lows[alone], highs[alone], strict=True):
        axes.plot([place, place], [low, high], color=look.colour, linewidth=1.2, zorder=2)


def _has_neighbour(known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    padded = np.pad(known, 1)
    return padded[:-2] | padded[2:]


def _lay_out_knob(axes: Axes, sweep: Sweep, knob: str) -> None:
    from matplotlib.ticker import NullLocator

    about = find_knob_axis(knob)
    axes.set_xlabel(about.label, fontsize=MEDIUM, color=INK)
    if not sweep.is_numeric:
        names = [shorten(str(value), 20) for value in sweep.values]
        is_long = sum(map(len, names)) > MANY_CHARACTERS
        axes.set_xticks(range(len(names)), names)
        if is_long:
            axes.tick_params("x", labelrotation=30)
            for label in axes.get_xticklabels():
                label.set(ha="right", rotation_mode="anchor")
        axes.set_xlim(-0.5, len(names) - 0.5)
        return
    is_log = about.is_log(sweep.values)
    if is_log:
        axes.set_xscale("log")
        axes.xaxis.set_minor_locator(NullLocator())
    if is_log or _are_apart(sweep.values):
        axes.set_xticks(sweep.values, [f"{value:g}" for value in sweep.values])
    if about.falling:
        axes.invert_xaxis()


def _are_apart(values: Sequence[float]) -> bool:
    gaps = np.diff(values)
    return not len(gaps) or bool(gaps.min() >= SMALLEST_GAP * math.fsum(gaps))
