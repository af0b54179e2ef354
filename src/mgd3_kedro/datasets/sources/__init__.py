"""Sources of labelled images, read in place, without unpacking."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from mgd3_kedro.datasets.sources.arrow import find_arrow
from mgd3_kedro.datasets.sources.base import (
    Entry,
    Listing,
    Reader,
    Source,
    is_hidden,
    printable,
)
from mgd3_kedro.datasets.sources.columns import AUTOMATIC, ColumnNames
from mgd3_kedro.datasets.sources.folder import find_folder
from mgd3_kedro.datasets.sources.listed import find_listed
from mgd3_kedro.datasets.sources.parquet import find_parquet
from mgd3_kedro.datasets.sources.shards import find_shards
from mgd3_kedro.datasets.sources.tarred import OPENERS, find_tar
from mgd3_kedro.datasets.sources.zipped import find_zip

__all__ = [
    "ARCHIVES",
    "AUTOMATIC",
    "SOURCES",
    "ColumnNames",
    "Entry",
    "Listing",
    "Reader",
    "Source",
    "find_source",
    "open_source",
]


def open_source(path: Path, columns: ColumnNames = AUTOMATIC) -> Source:
    """Return the source that reads the images at a path.

    Args:
        path: A folder of class folders or of tables, a file, a folder within an archive, or a
            folder and the name of a split of the tables in it.
        columns: Columns to read from tables.

    Raises:
        ValueError: If there is nothing at the path, or nothing that can be read.
    """
    if source := find_source(path, columns):
        return source
    raise ValueError(
        f"expected images at {path}: one of {', '.join(SOURCES)}; found " + _what_is_at(path)
    )


def find_source(path: Path, columns: ColumnNames = AUTOMATIC) -> Source | None:
    """Return the source that reads the images at a path; None if there is none.

    Raises:
        ValueError: If the files at the path are several splits.
    """
    found = (find(path, columns) for find in SOURCES.values())
    return next((source for source in found if source), None)


def _what_is_at(path: Path) -> str:
    if not path.exists():
        beside = path.parent.iterdir() if path.parent.is_dir() else ()
        names = sorted(printable(one.name) for one in beside if not is_hidden(one.name))
        more = f" and {len(names) - 5} more" if len(names) > 5 else ""
        told = f"; beside it are {', '.join(names[:5])}{more}" if names else ""
        return f"nothing{told}" if path.parent.exists() else f"no {path.parent}"
    if path.suffix.lower() in ARRAYS:
        return (
            f"a {path.suffix} file; save its arrays with safetensors, as images (N, 3, H, W) and "
            "labels (N,), which images= reads"
        )
    return "something else"


ARCHIVES = (".zip", *OPENERS)
"""Suffixes of archives that have folders of images."""
ARRAYS = (".pt", ".pth", ".npy", ".npz", ".pkl")
SOURCES: Mapping[str, Callable[[Path, ColumnNames], Source | None]] = {
    "zip archive": find_zip,
    "tar shards": find_shards,
    "tar archive": find_tar,
    "parquet files": find_parquet,
    "arrow files": find_arrow,
    "folder with a list": find_listed,
    "folder of class folders": find_folder,
}
"""Kind of source -> function that returns the source, or None for another kind; the first match is
used."""
