"""Points that need no run, because tables kept from another clone or machine have their rows."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mgd3_kedro.datasets.result_tables import read_table
from mgd3_kedro.evaluation import EvaluationConfig
from mgd3_kedro.result_columns import FINISHED
from mgd3_kedro.sweep.plan import Point

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)

MADE = "result_rows"
"""Catalog entry of the rows of a run."""
KEYS = ("benchmark", "split", "ipc", "method", "backbone", "protocol", "seed")
"""Columns of a row that must equal the run's parameters of the same names."""
FURTHER = ("preset", "network", "training_seed", "settings", "outcome")
"""Further columns that are needed."""
WORDS = "settings_of_rows"
"""Catalog entry of the other settings of the rows, in words."""


class KeptRows:
    """Rows in the tables that parts of a sweep name.

    Args:
        project: Folder that the folders of the tables are relative to.
    """

    def __init__(self, project: Path) -> None:
        self._project = project
        self._tables: dict[Path, pd.DataFrame | None] = {}
        self._missing: set[str] = set()

    def have(self, point: Point) -> bool:
        """Return whether there is a row of a finished training for each training of a point.

        As in a comparison, the version of the code that made a row does not matter.

        Raises:
            ValueError: If the part does not make result rows, or a table cannot be read; the
                message names it.
        """
        if point.part.rows is None:
            return False
        if MADE not in point.nodes.all_outputs():
            raise ValueError(
                f"{point.part.sweep}: expected a part that makes {MADE}, as it has `rows`, got "
                "one that does not; leave out `rows`"
            )
        run = point.loader["parameters"]
        folder = self._project / point.part.rows
        if not folder.exists():
            self._tell_missing(point.part.rows)
        elif not folder.is_dir():
            raise ValueError(f"{point.part.sweep}: expected rows to be a folder, got {folder}")
        rows = self._read(folder / f"{run['benchmark']}_rows.csv")
        if rows is None:
            return False
        (words,) = point.loader.entries([WORDS]).values()
        wanted: dict[str, Any] = {key: run[key] for key in KEYS}
        wanted["preset"] = EvaluationConfig(**run["evaluation"]).length
        wanted["settings"] = words["data"]
        for column, value in wanted.items():
            rows = rows[rows[column] == value]
        trainings = rows.groupby("network")["training_seed"].nunique()
        asked = run["trainings"]
        return all(trainings.get(name, 0) >= asked["repeats"] for name in asked["networks"])

    def _tell_missing(self, rows: str) -> None:
        """Warn once that a folder does not exist: the project is new, or the name misspelt."""
        if rows not in self._missing:
            self._missing.add(rows)
            logger.warning("rows: %s does not exist, so no run is skipped", rows)

    def _read(self, path: Path) -> pd.DataFrame | None:
        if path not in self._tables:
            self._tables[path] = _finished(path) if path.is_file() else None
        return self._tables[path]


def _finished(path: Path) -> pd.DataFrame:
    """Return the rows of trainings that have finished."""
    table = read_table(path)
    wanted = (*KEYS, *FURTHER)
    if missing := [name for name in wanted if name not in table]:
        raise ValueError(f"{path}: expected result rows with a column {missing[0]}, got none")
    table = table[table["outcome"] == FINISHED]
    return table.assign(settings=table["settings"].fillna(""))
