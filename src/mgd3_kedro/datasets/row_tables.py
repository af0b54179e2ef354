"""Tables of results below a folder."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro.io import DatasetError

from mgd3_kedro.datasets.read_only import ReadOnlyDataset
from mgd3_kedro.datasets.result_tables import read_table
from mgd3_kedro.datasets.stored import fetch_kept_below, open_store

if TYPE_CHECKING:
    import pandas as pd

Tables = dict[str, Callable[[], "pd.DataFrame"]]


class RowTablesDataset(ReadOnlyDataset[Tables]):
    """Tables of results below a folder, as CSV files.

    Unlike partitions, there may be no table: whether that is an error is left to the node that
    reads them.

    Args:
        path: The folder; it may be missing.
        pattern: Names of the files, with wildcards.
        store: Fields of the `Store` from which tables are fetched; None for no store.
        metadata: Ignored by Kedro; read by plugins.
    """

    def __init__(
        self,
        *,
        path: str,
        pattern: str,
        store: Mapping[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._path = Path(path)
        self._pattern = pattern
        self._store = open_store(store)
        self.metadata = metadata

    def load(self) -> Tables:
        """Return path below the folder -> function that reads the table, sorted by path."""
        fetch_kept_below(self._path, self._store, lambda file: file.match(self._pattern))
        return {
            file.relative_to(self._path).as_posix(): partial(_read, file)
            for file in sorted(self._path.rglob(self._pattern))
        }

    def _exists(self) -> bool:
        return bool(self.load())

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path / "**" / self._pattern)}


class RunTablesDataset(ReadOnlyDataset[Tables]):
    """Tables of the runs of every method and seed, one CSV file per run; read only.

    There may be no table.

    Args:
        entry: Catalog entry in which one run keeps its table.
        root: Folder of the project.
        store: Fields of the `Store` from which tables are fetched; None for no store.
        metadata: Ignored by Kedro; read by plugins.
    """

    seed = "*"

    def __init__(
        self,
        *,
        entry: str,
        root: str,
        store: Mapping[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self.entry = entry
        self.places: Callable[[], Mapping[str, str]] = dict
        """Function that returns method -> path of its file relative to the project, with `seed` in
        place of the seed; set by a Kedro hook."""
        self._root = Path(root)
        self._store = open_store(store)
        self.metadata = metadata

    def load(self) -> Tables:
        """Return path relative to the project -> function that reads the table."""
        return {
            found: partial(_read, self._root / found)
            for pattern in self.places().values()
            for found in self._matching(pattern)
        }

    def _matching(self, pattern: str) -> list[str]:
        """Return the files of all seeds, relative to the project."""

        def is_asked(file: Path) -> bool:
            # A folder name that continues after the seed belongs to another run.
            told = re.escape(pattern).replace(r"\*", r"\d+")
            return re.fullmatch(told, file.relative_to(self._root).as_posix()) is not None

        fetch_kept_below(self._root / Path(pattern.partition("*")[0]).parent, self._store, is_asked)
        found = filter(is_asked, self._root.glob(pattern))
        return sorted(file.relative_to(self._root).as_posix() for file in found)

    def _exists(self) -> bool:
        return bool(self.load())

    def _describe(self) -> dict[str, Any]:
        return {"entry": self.entry}


def _read(file: Path) -> pd.DataFrame:
    try:
        return read_table(file)
    except ValueError as error:
        raise DatasetError(str(error)) from error
