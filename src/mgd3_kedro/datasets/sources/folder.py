"""A folder per class."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

from mgd3_kedro.datasets.sources.base import Entry, is_hidden, is_image_name, printable
from mgd3_kedro.datasets.sources.columns import ColumnNames


@dataclass(frozen=True)
class FolderSource:
    """Images in a folder per class, at any depth below it.

    Args:
        path: Folder that contains the class folders.
    """

    named_by_folders: ClassVar = True

    path: Path

    def classes(self) -> Mapping[str, partial[list[Entry]]]:
        """Return folder name -> function that lists its images, sorted by name.

        A broken link counts as a class: it may have been a class folder, and is reported as a bad
        file.
        """
        with os.scandir(self.path) as found:
            names = [
                entry.name
                for entry in found
                if not is_hidden(entry.name) and (entry.is_dir() or _is_lost(Path(entry.path)))
            ]
        return {name: partial(self.entries, name) for name in sorted(names)}

    def open(self) -> FolderReader:
        """Return a reader of the files."""
        return FolderReader(self.path)

    def where(self, name: str) -> str:
        """Return the path of a file."""
        return printable(str(self.path / name))

    def entries(self, wnid: str) -> list[Entry]:
        """Return the images of a class, in folders and linked folders at any depth."""
        top = self.path / wnid
        if _is_lost(top):
            return [self.entry(wnid)]
        names: list[str] = []
        # A link may lead back to a folder that it is in.
        seen = {
            _place_of(parent) for path in (top.absolute(), top.resolve()) for parent in path.parents
        }
        for folder, folders, files in os.walk(top, onerror=_refuse, followlinks=True):
            if (place := _place_of(Path(folder))) in seen:
                folders.clear()
                continue
            seen.add(place)
            folders[:] = [name for name in folders if not is_hidden(name)]
            below = Path(folder).relative_to(self.path)
            names += [
                (below / name).as_posix()
                for name in files
                if not is_hidden(name) and (is_image_name(name) or _is_lost(Path(folder, name)))
            ]
        return [self.entry(name) for name in sorted(names)]

    def entry(self, name: str) -> Entry:
        """Return the entry of a file."""
        path = self.path / name
        try:
            status = path.stat()
        except OSError as error:
            link = f"a link to {path.readlink()}, which is not there" if path.is_symlink() else ""
            return Entry(name, 0, (name,), (), printable(link) or str(error.strerror))
        # Opening a named pipe would block until something writes into it.
        problem = "" if stat.S_ISREG(status.st_mode) else "neither a file nor a link to one"
        return Entry(name, status.st_size, (name,), (status.st_size, status.st_mtime_ns), problem)


@dataclass(frozen=True)
class FolderReader:
    """Reads files of a folder."""

    path: Path

    def read(self, entry: Entry) -> bytes:
        """Return the content of a file."""
        return (self.path / entry.name).read_bytes()

    def close(self) -> None:
        """Do nothing: no file is kept open."""


def find_folder(path: Path, columns: ColumnNames) -> FolderSource | None:
    """Return the source if a path is a folder."""
    return FolderSource(path) if path.is_dir() else None


def _refuse(error: OSError) -> None:
    raise error


def _place_of(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _is_lost(path: Path) -> bool:
    return path.is_symlink() and not path.exists()
