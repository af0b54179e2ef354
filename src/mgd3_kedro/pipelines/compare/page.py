"""The HTML page of a comparison."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mgd3_kedro.counting import count
from mgd3_kedro.metrics.comparison import CompareConfig
from mgd3_kedro.pipelines.compare.layout import Table, lay_out
from mgd3_kedro.report import Page, Section, render_page
from mgd3_kedro.report.charts import chart_lines

if TYPE_CHECKING:
    import pandas as pd

    from mgd3_kedro.pipelines.compare.layout import Cell


def write_comparison_page(
    comparison: pd.DataFrame, config: CompareConfig, benchmark: str, split: str
) -> str:
    """Return a comparison as an HTML page, with a table and a chart for each setting.

    The chart shows accuracy over images per class; a table with a single column has none.

    Args:
        comparison: One line per group, measured or reported.
        config: Configuration of the comparison.
        benchmark: Name of the benchmark.
        split: Test split.
    """
    tables = lay_out(comparison, config)
    trainings = int(comparison["trainings"].sum())
    facts = (f"{split} split", count(len(tables), "table"), count(trainings, "training"))
    page = Page(
        "Comparison of methods",
        f"{benchmark}: methods compared",
        facts,
        [_show_table(place, table, config) for place, table in enumerate(tables, 1)],
    )
    return render_page(page)


def _show_table(place: int, table: Table, config: CompareConfig) -> Section:
    lines = {
        line.label: [
            (ipc, float(cell.mean))
            for ipc, cell in zip(table.columns, line.cells, strict=True)
            if cell.mean is not None
        ]
        for block in table.blocks
        for line in block
    }
    content: dict[str, Any] = {
        "head": ("method", *(count(ipc, "image") for ipc in table.columns)),
        "blocks": [
            [(line.label, [_write(cell) for cell in line.cells]) for line in block]
            for block in table.blocks
        ],
        "curve": None,
    }
    if len(table.columns) > 1:
        content["curve"] = chart_lines(lines, "images per class", "top-1, %", log_x=True)
        content["curve_id"] = f"chart-{place}"
    interval = f"{100 * config.confidence:.0f} % interval of the mean"
    about = (
        f"{table.caption} In small type: the {interval}, by bootstrap over data sets, and over "
        "trainings where there is one data set."
    )
    return Section(
        f"table-{place}",
        table.title,
        about,
        content,
        " ".join(f"{note}." for note in table.notes),
        template="comparison",
    )


def _write(cell: Cell) -> Mapping[str, Any]:
    told = " ± ".join(part for part in (cell.mean, cell.std) if part)
    return {
        "text": told or "–",
        "bold": cell.bold,
        "beside": cell.beside or "",
        "interval": " to ".join(cell.interval),
    }
