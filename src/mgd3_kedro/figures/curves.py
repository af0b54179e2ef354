"""Curves of trainings: accuracy and loss against the step."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mgd3_kedro.figures.style import (
    COLOURS,
    INK,
    MEDIUM,
    SMALL,
    pick_line_style,
    start_figure,
    tidy_axes,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CurveRow = Mapping[str, Any]
"""One report of a training: `step` and the numbers measured there; missing ones None or NaN."""

SMOOTHING_SHARE = 0.05
LOG_RATIO = 3


def draw_training_curves(trainings: Mapping[str, Sequence[CurveRow]], *, title: str = "") -> Figure:
    """Draw test accuracy and training loss of several trainings side by side.

    Args:
        trainings: Name -> its rows, with `step` and `top1` (percent), `loss` or both; each panel
            shows the rows that have its value.
        title: Above the panels; empty for none.

    Raises:
        ValueError: If there is no training, or a row has no step.
    """
    if not trainings:
        raise ValueError("trainings: expected at least one, got none")
    columns = 1 if len(trainings) <= 3 else 2
    figure = start_figure(8.4, 3.4 + 0.2 * math.ceil(len(trainings) / columns), title)
    panels = figure.subplots(1, 2)
    for axes, key, label in zip(
        panels, ("top1", "loss"), ("top-1, %", "training loss"), strict=True
    ):
        for position, (name, rows) in enumerate(trainings.items()):
            colour, style = pick_line_style(position)
            steps, values = _series(rows, key, name)
            axes.plot(steps, values, color=colour, linestyle=style, linewidth=1.5, label=name)
            if key == "top1" and len(steps):
                axes.plot(steps[-1:], values[-1:], color=colour, marker="o", markersize=4)
        _label_axes(axes, label)
    panels[1].set_ylim(bottom=0)
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(
        handles,
        names,
        loc="outside lower center",
        ncols=columns,
        frameon=False,
        fontsize=MEDIUM,
    )
    return figure


def draw_loss_curve(rows: Sequence[CurveRow], *, title: str = "") -> Figure:
    """Draw the loss of one training: its reports in a light colour, with their running mean.

    The axis is logarithmic if losses span more than a factor of 3, to make late progress visible.

    Args:
        rows: Reports with `step` and `loss`.
        title: Above the plot; empty for none.

    Raises:
        ValueError: If no row has a loss, or a row has no step.
    """
    steps, losses = _series(rows, "loss", "rows")
    if not len(steps):
        raise ValueError("rows: expected at least one row with a loss, got none")
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    figure = start_figure(6.4, 3.4, title)
    axes = figure.add_subplot()
    axes.plot(steps, losses, color=COLOURS[0], linewidth=0.8, alpha=0.4, label="reported")
    means = _smooth(losses)
    label = f"running mean, last {means[-1]:.4g}"
    axes.plot(steps, means, color=COLOURS[0], linewidth=1.8, label=label)
    _label_axes(axes, "loss")
    if losses.min() > 0 and losses.max() > LOG_RATIO * losses.min():
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
    axes.legend(frameon=False, fontsize=SMALL)
    return figure


def _series(rows: Sequence[CurveRow], key: str, name: str) -> tuple[np.ndarray, np.ndarray]:
    if any("step" not in row for row in rows):
        raise ValueError(f"{name}: expected a step in every row, got a row without one")
    pairs = [(row["step"], row[key]) for row in rows if _is_known(row.get(key))]
    steps, values = np.array(sorted(pairs), dtype=np.float64).reshape(-1, 2).T
    return steps, values


def _is_known(value: float | None) -> bool:
    return value is not None and not math.isnan(value)


def _smooth(values: np.ndarray) -> np.ndarray:
    """Return the mean of a centred window, which is truncated at both ends of the series."""
    reach = int(SMOOTHING_SHARE * len(values) / 2 + 0.5)
    sums = np.concatenate([[0.0], np.cumsum(values)])
    positions = np.arange(len(values))
    starts = np.maximum(positions - reach, 0)
    ends = np.minimum(positions + reach + 1, len(values))
    return (sums[ends] - sums[starts]) / (ends - starts)


def _label_axes(axes: Axes, label: str) -> None:
    from matplotlib.ticker import EngFormatter, MaxNLocator

    tidy_axes(axes, grid=True)
    axes.set_xlabel("step", fontsize=MEDIUM, color=INK)
    axes.set_ylabel(label, fontsize=MEDIUM, color=INK)
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
