"""The files of one partition, and what is said where they cannot be written."""

from __future__ import annotations

import contextlib
import errno
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from kedro.io import DatasetError

from mgd3_kedro.fingerprint import digest, file_digest

OF_FILE_MANAGERS = ("Thumbs.db", "desktop.ini")
"""Files that they leave in folders of images, beside hidden ones."""
AGAIN = "give the command that made it once more: it makes anew what has changed"
"""What to do about a partition that has changed."""


@contextlib.contextmanager
def explained(path: Path, unfinished: Path | None = None) -> Iterator[None]:
    """Say where nothing could be written, and what to do.

    Args:
        path: What is written.
        unfinished: What is removed then.

    Raises:
        DatasetError: If the block raises an `OSError`.
    """
    try:
        yield
    except OSError as error:
        if unfinished is not None:
            with contextlib.suppress(OSError):
                remove(unfinished)
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise DatasetError(
            f"{path} could not be written: {error.strerror or error}; "
            f"{'free some space' if full else 'see to it'} and run again "
            "(finished partitions are kept)"
        ) from error


def files_of(path: Path) -> list[Path]:
    """Return the files that a partition consists of, sorted: itself, or those of its folder."""
    if not path.is_dir():
        return [path]
    names = (file for file in path.iterdir() if not file.name.startswith("."))
    return sorted(file for file in names if file.name not in OF_FILE_MANAGERS)


def remove(path: Path) -> None:
    """Remove a file or a folder, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def stamp_of(path: Path) -> str:
    """Return what tells the files of a partition from others without reading them.

    Raises:
        OSError: If there are none.
    """
    states = ((file.name, file.stat()) for file in files_of(path))
    return digest(*(f"{name} {of.st_size} {of.st_mtime_ns}" for name, of in states))


def marks_of(path: Path) -> dict[str, str]:
    """Return what a partition is known by: the digest of its files, and their stamp."""
    return {"content": file_digest(files_of(path)), "stamp": stamp_of(path)}


def is_as_made(path: Path, content: str, stamp: str) -> bool:
    """Tell whether a partition is what was written; it is read only where it looks otherwise.

    Args:
        path: Its place.
        content: Digest of its files, as it was written down.
        stamp: What `stamp_of` gave then.

    Raises:
        OSError: If it is gone.
    """
    return stamp_of(path) == stamp or file_digest(files_of(path)) == content


def read_verified(read: Callable[[Path], Any], path: Path, content: str) -> Any:
    """Read a partition, if it is what was written: what a disk changes keeps its size and time.

    Args:
        read: Reads it.
        path: Its place.
        content: Digest of its files, as it was written down.

    Raises:
        DatasetError: If it is gone, or was changed since, by whatever.
    """
    try:
        stays = file_digest(files_of(path)) == content
    except OSError as error:
        raise DatasetError(
            f"{path}: expected the file as it was made, {error.strerror}; {AGAIN}"
        ) from error
    if not stays:
        raise DatasetError(
            f"{path}: expected the file as it was made, it has changed since; {AGAIN}"
        )
    return read(path)
