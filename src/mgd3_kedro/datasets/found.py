"""A dataset for optional input: None where the data does not exist."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kedro.io import AbstractDataset

from mgd3_kedro.datasets.read_only import ReadOnlyDataset

Find = Callable[[str], AbstractDataset[Any, Any] | None]
"""Function that returns a catalog entry by name; None if there is no such entry."""


def find_nothing(name: str) -> None:
    """Return None: the default of `FoundDataset.find` until a run sets its catalog."""


class FoundDataset(ReadOnlyDataset[Any]):
    """Data of another catalog entry, or None where that does not exist; read only.

    Args:
        entry: Name of the other entry.
        metadata: Ignored by Kedro; read by plugins.
    """

    def __init__(self, *, entry: str, metadata: dict[str, Any] | None = None) -> None:
        self.find: Find = find_nothing
        """Function that finds an entry in the catalog of the run; set by a Kedro hook."""
        self._entry = entry
        self.metadata = metadata

    def load(self) -> Any:
        """Return the data of the entry; None if it does not exist."""
        dataset = self.find(self._entry)
        return dataset.load() if dataset is not None and dataset.exists() else None

    def _describe(self) -> dict[str, Any]:
        return {"entry": self._entry}
