"""A folder for work in progress."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset, DatasetError


class ScratchFolderDataset(AbstractDataset[None, Path]):
    """A folder in which a long computation keeps its checkpoints; loading returns its path.

    Args:
        filepath: The folder; it is made if it is missing.
        metadata: Ignored by Kedro; read by plugins.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._folder = Path(filepath)
        self.metadata = metadata

    def load(self) -> Path:
        """Return the folder, and make it if it is missing."""
        self._folder.mkdir(parents=True, exist_ok=True)
        return self._folder

    def save(self, data: None) -> None:
        """Raise an error: the computation itself writes into the folder.

        Raises:
            DatasetError: Always.
        """
        raise DatasetError(f"{self._folder} is written by the computation itself")

    def _exists(self) -> bool:
        return self._folder.is_dir()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._folder)}
