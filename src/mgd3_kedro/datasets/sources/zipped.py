"""Zip archives, read in place."""

from __future__ import annotations

import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, ClassVar

from mgd3_kedro.datasets.sources.base import (
    MAX_BYTES,
    Entry,
    Member,
    as_member,
    by_class,
    printable,
    split_archive,
    stamp_of,
)
from mgd3_kedro.datasets.sources.columns import ColumnNames

LOCAL_HEADER = struct.Struct("<4s22x2H")
SIGNATURE = b"PK\x03\x04"
ENCRYPTED = 1
UNIX = 3


@dataclass(frozen=True)
class ZipSource:
    """A zip archive of class folders.

    Args:
        path: The archive.
        inner: Folders within the archive that contain the class folders.
    """

    named_by_folders: ClassVar = True

    path: Path
    inner: tuple[str, ...] = ()

    def classes(self) -> Mapping[str, partial[list[Entry]]]:
        """Return folder name -> function that lists its images, sorted by name.

        Raises:
            ValueError: If the archive is damaged.
        """
        try:
            members = _directory(self.path)
        except (zipfile.BadZipFile, ValueError, NotImplementedError, struct.error) as error:
            raise ValueError(f"{self.path}: expected a zip archive ({error})") from error
        found = by_class(self._images(members))
        return {
            wnid: partial(sorted, found[wnid].values(), key=lambda entry: entry.name)
            for wnid in sorted(found)
        }

    def open(self) -> ZipReader:
        """Open the archive."""
        return ZipReader(self.path.open("rb"))

    def where(self, name: str) -> str:
        """Return the location of an entry for messages: archive::member."""
        return printable(f"{Path(self.path, *self.inner)}::{name}")

    def _images(self, members: list[zipfile.ZipInfo]) -> Iterator[Member]:
        stamp = stamp_of(self.path)
        # Consume the list, so that a million members are not in memory in two forms.
        members.reverse()
        while members:
            info = members.pop()
            place = (info.header_offset, info.compress_size, info.compress_type, info.CRC)
            entry = Entry("", info.file_size, place, stamp, _problem(info))
            if member := as_member(info.filename, self.inner, None if info.is_dir() else entry):
                yield member


class ZipReader:
    """Reads members by their position, as reading a large archive's directory takes seconds.

    Args:
        file: The archive, opened.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def read(self, entry: Entry) -> bytes:
        """Return the content of a member, decompressed and checked.

        Raises:
            ValueError: If the archive is damaged.
        """
        offset, stored, method, checksum = (int(number) for number in entry.place)
        self._file.seek(offset)
        header = self._file.read(LOCAL_HEADER.size)
        if len(header) < LOCAL_HEADER.size or not header.startswith(SIGNATURE):
            raise ValueError("the archive is damaged where the file should begin")
        _, name, extra = LOCAL_HEADER.unpack(header)
        self._file.seek(offset + LOCAL_HEADER.size + name + extra)
        data = self._file.read(stored)
        if method == zipfile.ZIP_DEFLATED:
            try:
                # One byte more than announced reveals a wrong size without unpacking a
                # decompression bomb.
                data = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, entry.size + 1)
            except zlib.error as error:
                raise ValueError(f"cannot be unpacked ({error})") from error
        if len(data) != entry.size or zlib.crc32(data) != checksum:
            raise ValueError("does not have the length and checksum that the archive says")
        return data

    def close(self) -> None:
        """Close the archive."""
        self._file.close()


def _directory(path: Path) -> list[zipfile.ZipInfo]:
    """Return the members of an archive, without keeping the archive object in memory."""
    with zipfile.ZipFile(path) as archive:
        return archive.infolist()


def find_zip(path: Path, columns: ColumnNames) -> ZipSource | None:
    """Return the source if a path is a zip archive or leads into one."""
    found = split_archive(path, [".zip"])
    return ZipSource(*found) if found else None


def _problem(info: zipfile.ZipInfo) -> str:
    """Return why a member cannot be read."""
    if info.create_system == UNIX and stat.S_ISLNK(info.external_attr >> 16):
        return "a link, not a file"
    if info.flag_bits & ENCRYPTED:
        return "encrypted"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return f"packed by method {info.compress_type}, not stored or deflated"
    if info.compress_size > MAX_BYTES:
        return f"{info.compress_size} bytes, more than any image"
    return ""
