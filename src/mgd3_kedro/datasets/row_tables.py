"""Tables of results below a folder."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro.io import DatasetError

from mgd3_kedro.datasets.read_only import ReadOnlyDataset

if TYPE_CHECKING:
    import pandas as pd

NAMES = ("method", "variant", "data_set", "configuration", "wnid", "class_name")
"""Columns of words, whatever they look like."""

Tables = dict[str, Callable[[], "pd.DataFrame"]]


class RowTablesDataset(ReadOnlyDataset[Tables]):
    """CSV files below a folder.

    Other than of partitions, there may be none: whether that will do is for the reader to say.

    Args:
        path: The folder; it need not be there.
        pattern: Names of the files, with wildcards.
        metadata: Ignored by Kedro; read by plugins.
    """

    def __init__(self, *, path: str, pattern: str, metadata: dict[str, Any] | None = None) -> None:
        self._path = Path(path)
        self._pattern = pattern
        self.metadata = metadata

    def load(self) -> Tables:
        """Return each file's path below the folder, sorted -> reads it."""
        return {
            file.relative_to(self._path).as_posix(): partial(_read, file)
            for file in sorted(self._path.rglob(self._pattern))
        }

    def _exists(self) -> bool:
        return bool(self.load())

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path / "**" / self._pattern)}


def _read(file: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        # A variant or a method may look like a number.
        return pd.read_csv(file, dtype=dict.fromkeys(NAMES, str))
    except ValueError as error:
        raise DatasetError(f"{file}: expected a table of results ({error})") from error
