"""The class table of a benchmark."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset, DatasetError

from mgd3_kedro.records import Benchmark, ClassSpec


class BenchmarkDataset(AbstractDataset[None, Benchmark]):
    """A table of classes, tab-separated without a header: folder, class index, class name.

    A line's number is the label within the benchmark.

    Args:
        filepath: The table.
        name: Name of the benchmark.
        image_size: Side of its images in pixels.
        metadata: Ignored by Kedro; read by plugins.
    """

    def __init__(
        self, *, filepath: str, name: str, image_size: int, metadata: dict[str, Any] | None = None
    ) -> None:
        self._path = Path(filepath)
        self._name = name
        self._image_size = image_size
        self.metadata = metadata

    def load(self) -> Benchmark:
        """Read the table.

        Raises:
            DatasetError: If the table is missing or a line does not have the three columns.
        """
        if not self._path.is_file():
            raise DatasetError(f"expected the class table {self._path}, found no such file")
        with self._path.open(encoding="utf-8", newline="") as file:
            lines = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
        try:
            classes = tuple(
                ClassSpec(label, wnid, int(index), name)
                for label, (wnid, index, name) in enumerate(lines)
            )
            return Benchmark(self._name, self._image_size, classes)
        except ValueError as error:
            raise DatasetError(
                f"{self._path}: expected folder, class index and class name in every line ({error})"
            ) from error

    def save(self, data: None) -> None:
        """Refuse: class tables are source data.

        Raises:
            DatasetError: Always.
        """
        raise DatasetError(f"{self._path} is read only")

    def _exists(self) -> bool:
        return self._path.is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path), "name": self._name, "image_size": self._image_size}
