"""Data sets saved to disk by Hugging Face's `datasets` library, read without that library."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mgd3_kedro.datasets.sources.columns import ColumnNames
from mgd3_kedro.datasets.sources.splits import split_files
from mgd3_kedro.datasets.sources.tables import TableSource

if TYPE_CHECKING:
    import pyarrow as pa

SEEKABLE = b"ARROW1"
"""First bytes of an Arrow file, which lists its record batches; a stream does not."""


class ArrowRows:
    """An Arrow file or stream, mapped into memory; its blocks are its record batches.

    Args:
        path: The file.
    """

    whole_blocks = False

    def __init__(self, path: Path) -> None:
        import pyarrow as pa

        self._map = pa.memory_map(str(path))
        if self._map.read(len(SEEKABLE)) == SEEKABLE:
            file = pa.ipc.open_file(self._map)
            self._schema = file.schema
            # Batches refer to the memory map: no data is read yet.
            self._batches = [file.get_batch(number) for number in range(file.num_record_batches)]
        else:
            self._map.seek(0)
            stream = pa.ipc.open_stream(self._map)
            self._schema = stream.schema
            self._batches = list(stream)

    def schema(self) -> pa.Schema:
        """Return the columns."""
        return self._schema

    def blocks(self) -> list[int]:
        """Return the number of rows of every batch."""
        return [batch.num_rows for batch in self._batches]

    def table(self, names: list[str]) -> pa.Table:
        """Return some columns of all rows."""
        import pyarrow as pa

        table = pa.Table.from_batches(self._batches, self._schema).select(names)
        table.validate(full=True)
        return table

    def block(self, number: int, column: str) -> Any:
        """Return one column of a batch."""
        # Mapped data is not checked on opening: a damaged file could lead to reads of other memory.
        values = self._batches[number].column(column)
        values.validate(full=True)
        return values

    def close(self) -> None:
        """Release the batches; the memory map is closed when nothing refers to it."""
        self._batches = []


def find_arrow(path: Path, columns: ColumnNames) -> TableSource | None:
    """Return the source if a path is a folder of Arrow files.

    Raises:
        ValueError: If it is a folder of several splits.
    """
    if (path / "dataset_dict.json").is_file():
        splits = sorted(entry.name for entry in path.iterdir() if entry.is_dir())
        raise ValueError(
            f"{path}: expected one split, got {', '.join(splits)}: name one, "
            f"{path / (splits or ['train'])[0]}"
        )
    files = split_files(path, ".arrow")
    return TableSource(files, ArrowRows, columns) if files else None
