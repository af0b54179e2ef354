"""The HTML page of a sweep."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from mgd3_kedro.counting import count
from mgd3_kedro.figures.labels import find_knob_axis, label_measure
from mgd3_kedro.figures.sweep_lines import collect_sweep
from mgd3_kedro.metrics.comparison import find_finished
from mgd3_kedro.pipelines.report_sweep.nodes import find_knob
from mgd3_kedro.points import axes_of, columns_of
from mgd3_kedro.report import Chart, Page, Section, render_page
from mgd3_kedro.report.wording import in_percent

if TYPE_CHECKING:
    import plotly.graph_objects as go


def write_sweep_page(
    table: pd.DataFrame,
    points: pd.DataFrame,
    figure: go.Figure,
    knob: str | None,
    headline: str,
    sweep: str,
) -> str:
    """Return the page of a sweep: a chart over the varied parameter, and a table of points.

    Args:
        table: One row per training.
        points: One row per point: its axes, and its state.
        figure: Interactive figure of `draw_knob`.
        knob: Column of the varied parameter; None if there is only one.
        headline: The accuracy to show, `top1_last` or `top1_best`.
        sweep: Name of the sweep.

    Raises:
        ValueError: If `knob` is unknown, or if it is None and there are several parameters.
    """
    name = find_knob(points, knob)
    axes = tuple(columns_of(axes_of(points)).values())
    about = find_knob_axis(name).label
    benchmark = ", ".join(map(str, table["benchmark"].unique()))
    facts = (about, count(len(points), "point"), count(len(table), "training"))
    spec = figure.to_plotly_json()
    layout = {**spec["layout"], "title": None, "template": None}
    notes = collect_sweep(table, name, headline, (), axes).notes
    chart = Chart(spec["data"], layout, int(figure.layout.height), f"{headline} over {about}")
    sections = (
        Section(
            "knob",
            f"Over {about}",
            "A line per method, or choice of everything else; bands and bars are spreads over "
            "seeds and trainings.",
            {"chart": chart},
            ". ".join(notes),
            template="chart",
        ),
        _show_points(table, list(dict.fromkeys((*axes, name))), headline),
    )
    return render_page(Page("Sweep", f"{benchmark}: {sweep}", facts, sections))


def _show_points(table: pd.DataFrame, axes: list[str], headline: str) -> Section:
    """Return a section with one line per point; values are means over seeds."""
    kept = [axis for axis in axes if axis != "seed" and axis in table]
    finished = table[find_finished(table)]
    rows = []
    for values, of in finished.groupby(kept, sort=False, dropna=False):
        told = [f"{one:g}" if isinstance(one, float) else str(one) for one in values]
        spread = of[headline].std(ddof=0) if len(of) > 1 else None
        rows.append((*told, in_percent(of[headline].mean(), spread), str(len(of))))
    head = (
        *(find_knob_axis(axis).label for axis in kept),
        label_measure(headline).replace("\n", " "),
        "trainings",
    )
    lead = "Mean and population standard deviation over the trainings of all seeds."
    return Section("points", "Points", lead, {"head": head, "rows": rows}, template="costs")
