"""Images in the rows of tables, for any file format."""

from __future__ import annotations

import logging
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol

from mgd3_kedro.datasets.sources.base import Entry, printable, stamp_of
from mgd3_kedro.datasets.sources.columns import (
    AUTOMATIC,
    ColumnNames,
    Labels,
    find_columns,
    image_bytes,
    label_rows,
)
from mgd3_kedro.datasets.sources.lists import is_split_column
from mgd3_kedro.datasets.sources.splits import split_called

if TYPE_CHECKING:
    import pyarrow as pa

logger = logging.getLogger(__name__)

OFTEN, LARGE = 8, 2**30
"""Number of passes over the data, and its size in bytes, from which advice to sort the rows is
logged."""


class Rows(Protocol):
    """An open file of rows, which are stored in blocks."""

    whole_blocks: bool
    """Whether reading one row costs as much as reading its whole block."""

    def __init__(self, path: Path) -> None:
        """Open a file."""

    def schema(self) -> pa.Schema:
        """Return the columns."""

    def blocks(self) -> list[int]:
        """Return the number of rows of every block."""

    def table(self, names: list[str]) -> pa.Table:
        """Return some columns of all rows."""

    def block(self, number: int, column: str) -> Any:
        """Return one column of a block."""

    def close(self) -> None:
        """Close the file."""


class Block(NamedTuple):
    """A block of rows in one of several files.

    Args:
        start: Number of its first row, counted over all files.
        file: Number of its file.
        number: Number of the block in its file.
        file_start: Number of the first row of its file, counted over all files.
    """

    start: int
    file: int
    number: int
    file_start: int


@dataclass(frozen=True)
class TableSource:
    """Files whose rows have an image and its class.

    Args:
        files: The files, in order.
        form: Class that opens one file.
        columns: Columns that the user names.
    """

    named_by_folders: ClassVar = False

    files: tuple[Path, ...]
    form: type[Rows]
    columns: ColumnNames = AUTOMATIC

    def classes(self) -> Mapping[str, partial[list[Entry]]]:
        """Return class name -> function that lists its rows, in the order of the files.

        Raises:
            ValueError: If the files are not tables of images.
        """
        import pyarrow as pa

        try:
            opened = [self.form(file) for file in self.files]
            columns = find_columns(opened[0].schema(), self.files[0].parent, self.columns)
            names = [name for name in (columns.label, columns.file) if name]
            told = [name for name in opened[0].schema().names if is_split_column(name)]
            asked = list(dict.fromkeys((*names, *told)))
            table = pa.concat_tables([rows.table(asked) for rows in opened])
            _refuse_several_splits(table, [name for name in told if name != columns.label])
            labels = label_rows(table, columns)
            blocks = _all_blocks([rows.blocks() for rows in opened])
            for rows in opened:
                rows.close()
        except (pa.ArrowException, ValueError, OSError) as error:
            reason = (str(error).splitlines() or [""])[0]
            raise ValueError(f"{self.files[0]}: expected a table of images ({reason})") from error
        if self.form.whole_blocks:
            self._advise(labels, blocks)
        paths = table.column(columns.file) if columns.file else None
        present = sorted(set(labels.codes.tolist()) - {-1})
        return {
            labels.names[code]: partial(self._entries, labels, code, blocks, paths)
            for code in present
        }

    def open(self) -> TableReader:
        """Return a reader of the rows."""
        return TableReader(self)

    def where(self, name: str) -> str:
        """Return the location of an entry for messages: file::row."""
        return printable(str(self.files[0].parent / name))

    def _entries(
        self, labels: Labels, code: int, blocks: Sequence[Block], paths: Any
    ) -> list[Entry]:
        # Another column has other images, so a column's name is part of the stamp.
        column = (self.columns.images,) if self.columns.images else ()
        stamps = [stamp_of(file) + column for file in self.files]
        starts = [block.start for block in blocks]
        entries = []
        for row in labels.rows(code):
            block = blocks[bisect_right(starts, row) - 1]
            name = f"{self.files[block.file].name}::{row - block.file_start}"
            path = paths[row].as_py() if paths is not None else None
            place = (block.file, block.number, row - block.start)
            entries.append(Entry(f"{name} {path}" if path else name, 0, place, stamps[block.file]))
        return entries

    def _advise(self, labels: Labels, blocks: Sequence[Block]) -> None:
        import numpy as np

        starts = np.array([block.start for block in blocks])
        block_of_row = np.searchsorted(starts, np.arange(len(labels.codes)), side="right")
        pairs = np.unique(labels.codes * (len(blocks) + 1) + block_of_row)
        times = len(pairs) / max(1, len(blocks))
        if times >= OFTEN and sum(file.stat().st_size for file in self.files) >= LARGE:
            logger.warning(
                "%s: rows of a class are scattered, so the whole table is read %.0f times for "
                "one pass over the classes; sort the rows by class, or unpack the images to a "
                "folder",
                self.files[0].parent,
                times,
            )


def _refuse_several_splits(table: pa.Table, names: Sequence[str]) -> None:
    """Refuse a table whose rows are of several splits.

    Raises:
        ValueError: If a column tells several splits.
    """
    for name in names:
        values = [str(value) for value in table.column(name).unique().to_pylist()]
        if len({split_called(value) for value in values} - {None}) > 1:
            raise ValueError(
                f"expected rows of one split, got {', '.join(values)} in the column {name}; write "
                "a file for each, train.parquet and test.parquet"
            )


class TableReader:
    """Reads images from rows; keeps the last block in memory.

    Args:
        source: The files.
    """

    def __init__(self, source: TableSource) -> None:
        self._source = source
        self._file: tuple[int, Rows] | None = None
        self._block: tuple[tuple[int, int], Any] | None = None
        self._column = ""

    def read(self, entry: Entry) -> bytes:
        """Return the image file stored in a row.

        Raises:
            ValueError: If the table is damaged, or the row has no bytes.
        """
        import pyarrow as pa

        file, number, row = (int(part) for part in entry.place)
        try:
            if self._block is None or self._block[0] != (file, number):
                # Drop the old block first: two may not fit into memory.
                self._block = None
                self._block = (file, number), self._rows(file).block(number, self._column)
            value = self._block[1][row].as_py()
        except pa.ArrowException as error:
            raise ValueError(f"the table is damaged ({error})") from error
        return image_bytes(value)

    def close(self) -> None:
        """Close the file."""
        if self._file:
            self._file[1].close()
        self._file = self._block = None

    def _rows(self, number: int) -> Rows:
        if self._file is None or self._file[0] != number:
            self.close()
            rows = self._source.form(self._source.files[number])
            self._file = number, rows
            folder = self._source.files[0].parent
            self._column = find_columns(rows.schema(), folder, self._source.columns).image
        return self._file[1]


def _all_blocks(of_files: Sequence[Sequence[int]]) -> list[Block]:
    file_starts = accumulate((sum(blocks) for blocks in of_files), initial=0)
    return [
        Block(file_start + start, file, number, file_start)
        for file, (blocks, file_start) in enumerate(zip(of_files, file_starts, strict=False))
        for number, start in enumerate(accumulate(blocks[:-1], initial=0))
        if blocks and blocks[number]
    ]
