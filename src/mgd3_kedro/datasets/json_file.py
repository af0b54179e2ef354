"""Plain values in one JSON file, written atomically."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kedro.io import DatasetError
from kedro_datasets.json import JSONDataset

from mgd3_kedro.durable import read_json, write_json


class JSONFileDataset(JSONDataset):
    """Kedro's `JSONDataset` for local files, with atomic writes and plain error messages."""

    def save(self, data: Any) -> None:
        """Write the values; an existing file is replaced atomically."""
        write_json(Path(self._get_save_path()), data)

    def load(self) -> Any:
        """Return the values.

        Raises:
            DatasetError: If the file is damaged; the message names it in one line.
        """
        try:
            return read_json(Path(self._get_load_path()), object)
        except ValueError as error:
            raise DatasetError(
                f"{error}; remove this file and repeat the command that makes it"
            ) from error
