"""Cost of methods: time per stage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mgd3_kedro.counting import count
from mgd3_kedro.figures.columns import check_columns
from mgd3_kedro.figures.style import (
    INK,
    MEDIUM,
    NARROW,
    SMALL,
    add_legend,
    shorten,
    start_figure,
    tidy_axes,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

UNITS = (("hours", 3600.0), ("minutes", 60.0), ("seconds", 1.0))
PALETTE = "cividis"
"""Colour map that is readable for the colour-blind and in grey, without the colours of methods."""


def draw_cost(stages: pd.DataFrame, *, title: str = "") -> Figure:
    """Draw one bar per method, stacked from its stages, with the total at its end.

    Args:
        stages: Columns `method`, `stage` and `seconds`, one row per stage of a method. Stages are
            stacked in the order in which they first occur.
        title: Above the bars; empty for none.

    Raises:
        ValueError: If a column is missing, a method has a stage twice, a time is negative or
            infinite, or no time is known.
    """
    import matplotlib

    known, notes = _find_known(stages)
    methods, names = list(dict.fromkeys(known["method"])), list(dict.fromkeys(known["stage"]))
    times = known.pivot(index="stage", columns="method", values="seconds")
    times = times.reindex(index=names, columns=methods)
    notes += _tell_missing(times)
    seconds = times.fillna(0).to_numpy(float)
    totals = seconds.sum(axis=0)
    unit, length = next(((u, s) for u, s in UNITS if totals.max() >= 2 * s), UNITS[-1])
    colours = matplotlib.colormaps[PALETTE](np.linspace(0, 1, len(names)))

    figure = start_figure(NARROW, 1.3 + 0.3 * len(methods), title)
    axes = figure.add_subplot()
    places = range(len(methods))
    starts = np.zeros(len(methods))
    for name, colour, of in zip(names, colours, seconds / length, strict=True):
        about = {"color": colour, "edgecolor": "white", "linewidth": 0.6, "label": name}
        axes.barh(places, of, 0.7, left=starts, **about)
        starts = starts + of
    for place, total in zip(places, starts, strict=True):
        axes.annotate(
            f"{total:.3g}",
            (total, place),
            xytext=(3, 0),
            textcoords="offset points",
            va="center",
            fontsize=SMALL,
            color=INK,
        )
    axes.set_yticks(places, [shorten(method, 20) for method in methods])
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set_xlim(left=0)
    axes.set_xlabel(f"time, {unit}", fontsize=MEDIUM, color=INK)
    tidy_axes(axes)
    add_legend(figure, axes.get_legend_handles_labels()[0], notes)
    return figure


def _tell_missing(times: pd.DataFrame) -> list[str]:
    """Return a sentence per stage that names the methods without a time for it."""
    lacking = {stage: list(row.index[row.isna()]) for stage, row in times.iterrows()}
    return [
        f"not in the bar: {stage} of {', '.join(methods)}, which has no time"
        for stage, methods in lacking.items()
        if methods
    ]


def _find_known(stages: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    check_columns("stages", stages, ("method", "stage", "seconds"))
    twice = stages[stages.duplicated(["method", "stage"])]
    if len(twice):
        first = twice.iloc[0]
        raise ValueError(
            f"stages: expected one row per method and stage, got {first['stage']} of "
            f"{first['method']} again"
        )
    known = stages[stages["seconds"].notna()]
    wrong = known[(known["seconds"] < 0) | ~np.isfinite(known["seconds"].to_numpy(float))]
    if len(wrong):
        raise ValueError(
            f"stages: expected seconds of 0 or more, got {wrong['seconds'].iloc[0]} for "
            f"{wrong['stage'].iloc[0]} of {wrong['method'].iloc[0]}"
        )
    if known.empty:
        raise ValueError("stages: expected at least one with seconds, got none")
    missing = len(stages) - len(known)
    return known, [f"left out: {count(missing, 'stage')} without seconds"] if missing else []
