"""Plain values in one JSON file, which is there as a whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kedro.io import DatasetError
from kedro_datasets.json import JSONDataset

from mgd3_kedro.durable import read_json, write_json


class JSONFileDataset(JSONDataset):
    """Kedro's dataset of that kind, on this machine alone."""

    def save(self, data: Any) -> None:
        """Replace the file."""
        write_json(Path(self._get_save_path()), data)

    def load(self) -> Any:
        """Return the values.

        Raises:
            DatasetError: In one line that names the file, if it is damaged.
        """
        try:
            return read_json(Path(self._get_load_path()), object)
        except ValueError as error:
            raise DatasetError(f"{error}; remove it and run what makes it again") from error
