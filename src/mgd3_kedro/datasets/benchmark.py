"""The class table of a benchmark."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kedro.io import DatasetError

from mgd3_kedro.benchmark import Benchmark, ClassSpec
from mgd3_kedro.datasets.read_only import ReadOnlyDataset
from mgd3_kedro.datasets.sources.columns import ColumnNames

COLUMNS = "folder, class index and class name, separated by tabs"
LONGEST = 200
"""Maximum length of a class folder name in bytes; a file name may have 255, including its
endings."""


class BenchmarkDataset(ReadOnlyDataset[Benchmark]):
    """Class table of a benchmark: tab-separated, no header; folder, class index, class name.

    The number of a line, from 0, is the label within the benchmark. Without a table, the classes
    are those of the images, sorted by folder name. The label is then also the class index, and the
    folder name is the class name.

    Args:
        filepath: Path of the table; None to take the classes of the images.
        name: Name of the benchmark.
        image_size: Side of its images in pixels.
        test_images_per_class: Number of test images per class in the published test set; None if
            unknown.
        source: Path of the images.
        columns: Names of the columns `images` and `classes` in tables; without a name a column is
            found automatically.
        root: Folder that a relative source starts from.
        if_missing: Advice for the error message if there is no table or no source.
        metadata: Ignored by Kedro; read by plugins.

    Raises:
        DatasetError: If neither a table nor a source is given.
    """

    def __init__(
        self,
        *,
        filepath: str | None,
        name: str,
        image_size: int,
        test_images_per_class: int | None = None,
        source: str | None = None,
        columns: Mapping[str, Any] | None = None,
        root: str = ".",
        if_missing: str = "",
        metadata: dict[str, Any] | None = None,
    ) -> None:
        if filepath is None and source is None:
            raise DatasetError("benchmark: expected a class table or the source of the images")
        self._path = Path(filepath) if filepath is not None else None
        self._name = name
        self._image_size = image_size
        self._test_images = test_images_per_class
        self._source = Path(root, source or "")
        self._columns = ColumnNames.of(columns)
        self._if_missing = if_missing
        self._found: list[str] | None = None
        self.metadata = metadata

    def load(self) -> Benchmark:
        """Return the benchmark with its classes.

        Raises:
            DatasetError: If the table or the source is missing, a line does not have the three
                columns, or a class folder has too long a name.
        """
        try:
            specs = self._listed() if self._path is None else _read_table(self._path)
            listed = self._path is None
            for spec in specs:
                _check_name(spec.wnid)
            return Benchmark(self._name, self._image_size, specs, self._test_images, listed)
        except ValueError as error:
            place = self._path or self._source
            # Of a split that is missing, the error names the images above it.
            named = any(str(path) in str(error) for path in (place, place.parent))
            told = str(error) if named else f"{place}: {error}"
            advice = f"; {self._if_missing}" if self._if_missing and not self._exists() else ""
            raise DatasetError(f"{told}{advice}") from error

    def _exists(self) -> bool:
        from mgd3_kedro.datasets.split_images import has_images

        return self._path.is_file() if self._path else has_images(self._source, self._columns)

    def _listed(self) -> tuple[ClassSpec, ...]:
        from mgd3_kedro.datasets.split_images import open_split

        # Every node loads the benchmark, and to list a large archive takes minutes.
        if self._found is None:
            self._found = sorted(open_split(self._source, self._columns).classes)
        return tuple(
            ClassSpec(label, name, label, name.replace("_", " "))
            for label, name in enumerate(self._found)
        )

    def _release(self) -> None:
        self._found = None

    def _describe(self) -> dict[str, Any]:
        return {
            "filepath": str(self._path or self._source),
            "name": self._name,
            "image_size": self._image_size,
        }


def _check_name(wnid: str) -> None:
    """Check that files can be named after a class.

    Raises:
        ValueError: If the name is too long.
    """
    if (length := len(wnid.encode(errors="surrogateescape"))) > LONGEST:
        raise ValueError(
            f"expected classes by names of at most {LONGEST} bytes, as files are called after "
            f"them, got {length} bytes: {wnid[:20]}...; rename it where the images are"
        )


def _read_table(path: Path) -> tuple[ClassSpec, ...]:
    if not path.is_file():
        raise DatasetError(
            f"expected the class table {path}, found no such file; each of its lines has {COLUMNS}"
        )
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    except (ValueError, csv.Error) as error:
        raise ValueError(f"expected {COLUMNS}, in every line ({error})") from error
    return tuple(_read_line(label, line) for label, line in enumerate(lines))


def _read_line(label: int, line: list[str]) -> ClassSpec:
    try:
        wnid, index, name = line
        return ClassSpec(label, wnid, int(index), name)
    except ValueError as error:
        shown = "\t".join(line)
        raise ValueError(f"line {label + 1}: expected {COLUMNS}, got {shown!r}") from error
