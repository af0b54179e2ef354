"""Plain values, one JSON file per key."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mgd3_kedro.datasets.class_partitions import ClassPartitionsDataset


class JSONPartitionsDataset(ClassPartitionsDataset):
    """key -> plain value, kept as `{key}.json`."""

    suffix = ".json"

    @staticmethod
    def write(path: Path, value: Any) -> None:
        """Write a plain value."""
        path.write_text(json.dumps(value))

    @staticmethod
    def read(path: Path) -> Any:
        """Read a plain value.

        Raises:
            ValueError: Naming the file, if it cannot be read.
        """
        try:
            return json.loads(path.read_text())
        except ValueError as error:
            raise ValueError(f"{path}: not a readable JSON file ({error})") from error
