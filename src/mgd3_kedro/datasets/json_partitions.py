"""Plain values, one JSON file per key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mgd3_kedro.datasets.class_partitions import ClassPartitionsDataset
from mgd3_kedro.durable import read_json, write_json


class JSONPartitionsDataset(ClassPartitionsDataset):
    """key -> plain value, kept as `{key}.json`."""

    suffix = ".json"

    @staticmethod
    def write(path: Path, value: Any) -> None:
        """Write a plain value."""
        write_json(path, value)

    @staticmethod
    def read(path: Path) -> Any:
        """Read a plain value.

        Raises:
            ValueError: If the file cannot be read; the message names it.
        """
        return read_json(path, object)
