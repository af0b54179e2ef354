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
from mgd3_kedro.datasets.stored import bring_below, open_store

if TYPE_CHECKING:
    import pandas as pd

Tables = dict[str, Callable[[], "pd.DataFrame"]]


class RowTablesDataset(ReadOnlyDataset[Tables]):
    """CSV files below a folder.

    Other than of partitions, there may be none: whether that will do is for the reader to say.

    Args:
        path: The folder; it need not be there.
        pattern: Names of the files, with wildcards.
        store: Fields of `Store`, where they are got from; None for none.
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
        """Return each file's path below the folder, sorted -> reads it."""
        bring_below(self._path, self._store, lambda file: file.match(self._pattern))
        return {
            file.relative_to(self._path).as_posix(): partial(_read, file)
            for file in sorted(self._path.rglob(self._pattern))
        }

    def _exists(self) -> bool:
        return bool(self.load())

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path / "**" / self._pattern)}


class RunTablesDataset(ReadOnlyDataset[Tables]):
    """A CSV file of the runs of every method and seed; read only. There may be none.

    Args:
        entry: Catalog entry that one run keeps its file in.
        root: Folder of the project.
        store: Fields of `Store`, where they are got from; None for none.
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
        """Returns method -> its file from the project's folder, with `seed` in place of the seed;
        set where runs are known."""
        self._root = Path(root)
        self._store = open_store(store)
        self.metadata = metadata

    def load(self) -> Tables:
        """Return each file's path from the project -> reads it."""
        return {
            found: partial(_read, self._root / found)
            for pattern in self.places().values()
            for found in self._matching(pattern)
        }

    def _matching(self, pattern: str) -> list[str]:
        """Return the files of all seeds, from the project's folder."""

        def is_asked(file: Path) -> bool:
            # A folder of the same seed with more words is that of another run.
            told = re.escape(pattern).replace(r"\*", r"\d+")
            return re.fullmatch(told, file.relative_to(self._root).as_posix()) is not None

        bring_below(self._root / Path(pattern.partition("*")[0]).parent, self._store, is_asked)
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
