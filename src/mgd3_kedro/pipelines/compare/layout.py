"""Layout of a comparison: methods as lines, images per class as columns."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mgd3_kedro.counting import count
from mgd3_kedro.metrics.comparison import (
    METHOD_KEYS,
    TABLE_KEYS,
    CompareConfig,
    as_text,
)
from mgd3_kedro.metrics.robust import FULL
from mgd3_kedro.pipelines.compare.labels import REPORTED, label_methods
from mgd3_kedro.result_columns import ACCURACIES

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Cell:
    """An accuracy.

    Args:
        mean: Mean in percent; None if unknown.
        std: Standard deviation in percentage points; None for a single training, or if it is not
            reported.
        bold: Whether it is among the best.
        beside: Mean of the accuracy that is not the headline, percent; None if unknown.
        interval: Lower and upper bound of the mean's confidence interval, percent; empty if there
            is none.
    """

    mean: str | None = None
    std: str | None = None
    bold: bool = False
    beside: str | None = None
    interval: tuple[str, ...] = ()


@dataclass(frozen=True)
class Line:
    """The line of a method.

    Args:
        label: Label of the method, from `label_methods`.
        cells: One cell per column.
    """

    label: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Table:
    """Comparable results: one benchmark, split, image size, network, protocol and preset.

    Args:
        name: Name, unique within a comparison.
        title: Short title: what its methods have in common.
        caption: Description of the cells.
        columns: Images per class of each column.
        blocks: Blocks of lines, without empty blocks: measured methods, the upper bound, published
            results.
        notes: Remarks, one sentence each.
    """

    name: str
    title: str
    caption: str
    columns: tuple[int, ...]
    blocks: tuple[tuple[Line, ...], ...]
    notes: tuple[str, ...]


def lay_out(comparison: pd.DataFrame, config: CompareConfig) -> list[Table]:
    """Return all tables of a comparison; those with most lines come first.

    Lines are sorted by accuracy, the lowest first. A training on the whole train split is an upper
    bound for any number of images, so it fills every column.

    Args:
        comparison: One line per group, measured or reported.
        config: Configuration of the comparison.
    """
    tables = [
        _lay_out_table([as_text(key) for key in keys], lines, config)
        for keys, lines in comparison.groupby(list(TABLE_KEYS), dropna=False)
    ]
    return sorted(tables, key=lambda table: -sum(map(len, table.blocks)))


def _lay_out_table(keys: Sequence[str], lines: pd.DataFrame, config: CompareConfig) -> Table:
    benchmark, split, size, network, protocol, preset = keys
    reported, full = lines["origin"] == REPORTED, lines["method"] == FULL
    small = lines if full.all() else lines[~full]
    columns = tuple(sorted({int(ipc) for ipc in small["ipc"]}))
    blocks = (
        _lay_out_lines(part, columns, config.headline)
        for part in (lines[~reported & ~full], lines[~reported & full], lines[reported])
    )
    seen_by = f"{network} at {size} px" if size else network
    where = f"{benchmark}, {split} split, {seen_by}, protocol {protocol}, preset {preset}"
    return Table(
        name="-".join(keys),
        title=f"{network} at {size} px, {protocol}, {preset}" if size else ", ".join(keys[3:]),
        caption=f"{where}: {_describe_cells(lines[~reported], config)}.",
        columns=columns,
        blocks=tuple(block for block in blocks if block),
        notes=tuple(_note(lines)),
    )


def _lay_out_lines(lines: pd.DataFrame, columns: Sequence[int], headline: str) -> tuple[Line, ...]:
    # Rows may have the same settings but other configurations: from another environment, or from
    # older defaults.
    rivals = lines.groupby([*METHOD_KEYS, "ipc"], dropna=False)["configuration"].transform("size")
    lines = lines.assign(configuration=lines["configuration"].where(rivals > 1))
    groups = lines.groupby([*METHOD_KEYS, "configuration"], dropna=False, sort=False)
    methods = [
        (rows[0], _cells(rows, columns, headline))
        for rows in (part.to_dict("records") for _, part in groups)
    ]
    methods.sort(key=lambda method: [float(cell.mean or "inf") for cell in method[1]])
    labels = label_methods([about for about, _ in methods])
    return tuple(Line(label, cells) for label, (_, cells) in zip(labels, methods, strict=True))


def _cells(
    rows: Sequence[Mapping[Any, Any]], columns: Sequence[int], headline: str
) -> tuple[Cell, ...]:
    cells = {int(row["ipc"]): _cell(row, headline) for row in rows}
    if rows[0]["method"] == FULL:
        return (next(iter(cells.values())),) * len(columns)
    return tuple(cells.get(ipc, Cell()) for ipc in columns)


def _cell(row: Mapping[Any, Any], headline: str) -> Cell:
    if row["origin"] == REPORTED:
        return Cell(_write(row["reported_top1"]), _write(row["reported_std"]))
    std = _write(row[f"{headline}_std"]) if row["trainings"] > 1 else None
    beside = _write(row[f"{_beside(headline)}_mean"])
    bounds = [_write(row[f"{headline}_{end}"]) for end in ("low", "high")]
    interval = tuple(bound for bound in bounds if bound is not None)
    return Cell(_write(row[f"{headline}_mean"]), std, bool(row["among_best"]), beside, interval)


def _beside(headline: str) -> str:
    return next(name for name in ACCURACIES if name != headline)


def _write(value: float) -> str | None:
    return None if math.isnan(value) else f"{value:.1f}"


def _describe_cells(measured: pd.DataFrame, config: CompareConfig) -> str:
    finished = measured[measured["trainings"] > 0]
    if finished.empty:
        return "top-1 accuracy in percent"
    trainings, seeds = (
        _count(finished["trainings"], "training"),
        _count(finished["data_sets"], "data set"),
    )
    shown = f"{config.headline} in percent, mean ± population standard deviation over {trainings}"
    bold = f"the {100 * config.confidence:g} % bootstrap interval of the difference"
    beside = f"in brackets the mean of {_beside(config.headline)}"
    return f"{shown} on {seeds}; {beside}; bold: not separated from the best by {bold}"


def _count(numbers: pd.Series[int], unit: str) -> str:
    low, high = int(numbers.min()), int(numbers.max())
    if low != high:
        return f"{low} to {count(high, unit)}"
    return count(low, unit)


def _note(lines: pd.DataFrame) -> Iterator[str]:
    for row in lines[lines["diverged"] > 0].to_dict("records"):
        yield f"Not averaged: {row['method']}, ipc {row['ipc']}, {row['diverged_trainings']}"
    if sources := sorted(lines["source"].dropna().unique()):
        yield f"Reported, not measured here: {', '.join(sources)}"
