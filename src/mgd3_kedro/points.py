"""The points of a sweep, as stored in its folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mgd3_kedro.durable import read_json, write_json
from mgd3_kedro.result_columns import RUN_KEYS

if TYPE_CHECKING:
    import pandas as pd

REPORTS = "data/08_reporting"
"""Folder of all reports on runs, with a subfolder per benchmark."""
STATES, STEPS = "points.csv", "steps.csv"
"""Names of the tables with a row per point: its name, its values, its facts. Runs without an axis
are in the table of steps."""
DONE, FAILED, PENDING = "done", "failed", "pending"
FACTS = ("status", "seconds", "run_id", "error", "code_version", "stamp")
"""Columns of the facts about a point, beside its values."""
PLACES = ".places.json"
"""Suffix of the file that lists the locations of a point's outputs."""
POINT = "point"
"""Column of the point names."""
REPORTED = ("result_rows", "diversity_scores", "distilled_images")
"""Catalog entries that reports on a sweep read."""


@dataclass(frozen=True)
class FinishedPoint:
    """A point that is done.

    Args:
        name: Name of the point, unique in the sweep.
        values: Key of the axis -> value.
        places: Catalog entry -> its location, relative to the project.
    """

    name: str
    values: Mapping[str, Any]
    places: Mapping[str, str]


def axes_of(points: pd.DataFrame) -> list[str]:
    """Return the keys of the axes of a sweep.

    Args:
        points: Table with one row per point: its name, its values, its facts.
    """
    return [str(column) for column in points if column not in (POINT, *FACTS)]


def short_names(keys: Iterable[str]) -> dict[str, str]:
    """Return key -> its last part, or the whole key if another key has the same last part."""
    last = {key: key.rpartition(".")[2] for key in keys}
    endings = list(last.values())
    return {key: end if endings.count(end) == 1 else key for key, end in last.items()}


def columns_of(axes: Iterable[str]) -> dict[str, str]:
    """Return key of the axis -> its column in result tables: its short name.

    The whole key is used if its short name is a run key: `encoding.seed` and not `seed`.

    Args:
        axes: Keys of the axes.
    """
    return {
        key: key if name != key and name in RUN_KEYS else name
        for key, name in short_names(axes).items()
    }


def write_places(folder: Path, point: str, places: Mapping[str, str]) -> None:
    """Write the file with the locations of a point's outputs."""
    write_json(folder / f"{point}{PLACES}", dict(places), indent=1)


def read_points(folder: Path) -> list[FinishedPoint]:
    """Return the points of a sweep that are done, in order.

    Args:
        folder: Folder of the sweep.

    Raises:
        ValueError: If there is no such sweep, or none of its points is done.
    """
    import pandas as pd

    states = folder / STATES
    if not states.is_file():
        others = sorted(path.parent.name for path in folder.parent.glob(f"*/{STATES}"))
        known = (
            f"one of {', '.join(others)}" if others else "the name of a sweep, but none has run yet"
        )
        raise ValueError(f"sweep: expected {known}, got {folder.name!r}")
    table = pd.read_csv(states, dtype={POINT: str})
    done = table[table["status"] == DONE]
    if done.empty:
        raise ValueError(
            f"{folder.name}: expected at least one finished point, got none of {len(table)}; run "
            "the sweep again"
        )
    axes = axes_of(table)
    return [
        FinishedPoint(
            row[POINT],
            # Parts of a sweep may have axes that others lack.
            {axis: row[axis] for axis in axes if not pd.isna(row[axis])},
            read_json(folder / f"{row[POINT]}{PLACES}", dict),
        )
        for row in done.to_dict("records")
    ]
