"""Files of one partition: listing, digests, removal, and errors in writing them."""

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
"""Files that file managers leave in folders of images, besides hidden ones."""
AGAIN = "repeat the command that made it: it makes again what has changed"
"""Advice for a partition that has changed."""


@contextlib.contextmanager
def explained(path: Path, unfinished: Path | None = None) -> Iterator[None]:
    """Turn an `OSError` of the block into an error that names the path and gives advice.

    Args:
        path: Path that is written.
        unfinished: Path that is removed after an error; None for none.

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
            f"{'free some space' if full else 'solve this'} and run again (finished partitions "
            "are kept)"
        ) from error


def files_of(path: Path) -> list[Path]:
    """Return the files of a partition, sorted: the file itself, or those in its folder."""
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
    """Return a digest of the names, sizes and times of a partition's files, without reading them.

    Raises:
        OSError: If the files do not exist.
    """
    states = ((file.name, file.stat()) for file in files_of(path))
    return digest(*(f"{name} {of.st_size} {of.st_mtime_ns}" for name, of in states))


def marks_of(path: Path) -> dict[str, str]:
    """Return `content`, the digest of a partition's files, and `stamp`, see `stamp_of`."""
    return {"content": file_digest(files_of(path)), "stamp": stamp_of(path)}


def is_as_made(path: Path, content: str, stamp: str) -> bool:
    """Return whether a partition is unchanged; its files are read only if their stamp differs.

    Args:
        path: Path of the partition.
        content: Recorded digest of its files.
        stamp: Recorded stamp of its files, see `stamp_of`.

    Raises:
        OSError: If the partition is gone.
    """
    return stamp_of(path) == stamp or file_digest(files_of(path)) == content


def read_verified(read: Callable[[Path], Any], path: Path, content: str) -> Any:
    """Read a partition after comparing its digest: disk errors change neither size nor time.

    Args:
        read: Function that reads the partition.
        path: Path of the partition.
        content: Recorded digest of its files.

    Raises:
        DatasetError: If the partition is gone or has changed since it was made.
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
