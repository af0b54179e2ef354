"""Tar archives, read in place; compressed ones are read from their beginning."""

from __future__ import annotations

import bz2
import gzip
import logging
import lzma
import tarfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

from mgd3_kedro.datasets.sources.base import (
    Entry,
    Member,
    as_member,
    by_class,
    printable,
    split_archive,
    stamp_of,
)
from mgd3_kedro.datasets.sources.columns import ColumnNames

logger = logging.getLogger(__name__)

OPENERS: dict[str, Callable[..., Any]] = {
    ".tar": open,
    ".tar.gz": gzip.open,
    ".tgz": gzip.open,
    ".tar.bz2": bz2.open,
    ".tar.xz": lzma.open,
}
DAMAGE = (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, ValueError, OSError)


@dataclass(frozen=True)
class TarSource:
    """A tar archive of class folders.

    Args:
        path: The archive.
        inner: Folders within the archive that contain the class folders.
    """

    named_by_folders: ClassVar = True

    path: Path
    inner: tuple[str, ...] = ()

    def classes(self) -> Mapping[str, partial[list[Entry]]]:
        """Return folder name -> function that lists its images.

        Images are sorted by name. In a compressed archive they keep the archive's order, because
        going back means decompressing it from the beginning.

        Raises:
            ValueError: If the archive is damaged.
        """
        if self._compressed:
            _warn_of_compression(self.path)
        with told_apart(f"{self.path}: expected a tar archive"):
            found = by_class(self._images())
        if self._compressed:
            return {wnid: partial(list, found[wnid].values()) for wnid in sorted(found)}
        return {
            wnid: partial(sorted, found[wnid].values(), key=lambda entry: entry.name)
            for wnid in sorted(found)
        }

    def open(self) -> TarReader:
        """Open the archive."""
        return TarReader(self._opened())

    def where(self, name: str) -> str:
        """Return the location of an entry for messages: archive::member."""
        return printable(f"{Path(self.path, *self.inner)}::{name}")

    @property
    def _compressed(self) -> bool:
        return not self.path.name.lower().endswith(".tar")

    def _opened(self) -> BinaryIO:
        name = self.path.name.lower()
        opener = next(opener for ending, opener in OPENERS.items() if name.endswith(ending))
        file: BinaryIO = opener(self.path, "rb")
        return file

    def _images(self) -> Iterator[Member]:
        stamp = stamp_of(self.path)
        with self._opened() as file:
            for info in walk(file):
                place = (info.offset_data, info.size)
                entry = Entry("", info.size, place, stamp, problem_of(info))
                if member := as_member(info.name, self.inner, None if info.isdir() else entry):
                    yield member


class TarReader:
    """Reads members by their position in the archive.

    Args:
        file: The archive, opened and decompressed while it is read.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def read(self, entry: Entry) -> bytes:
        """Return the content of a member.

        Raises:
            ValueError: If the archive is damaged.
        """
        offset, size = (int(number) for number in entry.place)
        with told_apart("the archive is damaged"):
            self._file.seek(offset)
            data = self._file.read(size)
        if len(data) != size:
            raise ValueError(f"expected {size} bytes, got {len(data)} up to the archive's end")
        return data

    def close(self) -> None:
        """Close the archive."""
        self._file.close()


def find_tar(path: Path, columns: ColumnNames) -> TarSource | None:
    """Return the source if a path is a tar archive or leads into one."""
    found = split_archive(path, OPENERS)
    return TarSource(*found) if found else None


def walk(file: BinaryIO) -> Iterator[tarfile.TarInfo]:
    """Return the members of a tar archive one after the other, without keeping them.

    Raises:
        ValueError: If the archive is damaged.
    """
    with tarfile.open(fileobj=file, mode="r:") as archive:
        before = -1
        while info := archive.next():
            # Otherwise the archive would keep every member that it has read.
            archive.members.clear()  # type: ignore[attr-defined]
            if archive.offset <= before:
                raise ValueError("a header points backwards, so the archive has no end")
            before = archive.offset
            yield info
        # `next` treats damage as the end of the archive.
        file.seek(archive.offset)
        end = file.read(tarfile.BLOCKSIZE)
        if end.strip(b"\0"):
            raise ValueError(f"damaged at byte {archive.offset}")
        if not end:
            logger.warning(
                "%s: stops at byte %d without the mark that ends an archive; if it was not copied "
                "whole, images are missing",
                *(getattr(file, "name", "a tar archive"), archive.offset),
            )


@cache
def _warn_of_compression(path: Path) -> None:
    """Warn once of an archive, however often it is listed."""
    logger.warning(
        "reading %s is slow, as it is unpacked from its beginning for every class: "
        "unpack it once to a folder, or to a plain .tar",
        path,
    )


@contextmanager
def told_apart(message: str) -> Iterator[None]:
    """Turn errors of decompression into a `ValueError`; keep errors of the file system."""
    try:
        yield
    except DAMAGE as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise ValueError(f"{message} ({error})") from error


def problem_of(info: tarfile.TarInfo) -> str:
    """Return why a member cannot be read."""
    if info.issym() or info.islnk():
        return "a link, not a file: pack with --dereference --hard-dereference"
    if not info.isreg() or info.issparse():
        return "not a plain file"
    return ""
