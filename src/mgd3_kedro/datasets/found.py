"""What may be there or not, read without asking that it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kedro.io import AbstractDataset

from mgd3_kedro.datasets.read_only import ReadOnlyDataset

Find = Callable[[str], AbstractDataset[Any, Any] | None]
"""Returns an entry of the catalog by its name."""


def find_nothing(name: str) -> None:
    """Stand for a catalog that nobody has named yet."""


class FoundDataset(ReadOnlyDataset[Any]):
    """Another entry of the catalog, or None where it is not there; read only.

    Args:
        entry: Its name.
        metadata: Ignored by Kedro; read by plugins.
    """

    def __init__(self, *, entry: str, metadata: dict[str, Any] | None = None) -> None:
        self.find: Find = find_nothing
        """Finds entries of the catalog of a run; set where that is known."""
        self._entry = entry
        self.metadata = metadata

    def load(self) -> Any:
        """Read the entry, if it is there."""
        dataset = self.find(self._entry)
        return dataset.load() if dataset is not None and dataset.exists() else None

    def _describe(self) -> dict[str, Any]:
        return {"entry": self._entry}
