"""Parquet files, one or many shards, as on the Hugging Face hub."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mgd3_kedro.datasets.sources.columns import ColumnNames
from mgd3_kedro.datasets.sources.splits import split_files
from mgd3_kedro.datasets.sources.tables import TableSource

if TYPE_CHECKING:
    import pyarrow as pa


class ParquetRows:
    """A parquet file; its blocks are its row groups.

    Args:
        path: The file.
    """

    whole_blocks = True

    def __init__(self, path: Path) -> None:
        import pyarrow.parquet as pq

        self._file = pq.ParquetFile(path)

    def schema(self) -> pa.Schema:
        """Return the columns."""
        return self._file.schema_arrow

    def blocks(self) -> list[int]:
        """Return the number of rows of every row group."""
        metadata = self._file.metadata
        return [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]

    def table(self, names: list[str]) -> pa.Table:
        """Return some columns of all rows."""
        return self._file.read(columns=names, use_threads=False)

    def block(self, number: int, column: str) -> Any:
        """Return one column of a row group."""
        # Worker processes are forked, and the threads of a pool do not exist in a fork.
        return self._file.read_row_group(number, columns=[column], use_threads=False).column(0)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def find_parquet(path: Path, columns: ColumnNames) -> TableSource | None:
    """Return the source if a path is a parquet file, a folder of some, or a split of them."""
    files = split_files(path, ".parquet")
    return TableSource(files, ParquetRows, columns) if files else None
