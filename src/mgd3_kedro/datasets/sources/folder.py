"""A folder per class."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from mgd3_kedro.datasets.sources.base import Entry, is_hidden, is_image_name, printable


@dataclass(frozen=True)
class FolderSource:
    """Images in a folder per class, at any depth below it.

    Args:
        path: The folder of the class folders.
    """

    path: Path

    def classes(self) -> Mapping[str, partial[list[Entry]]]:
        """Return folder name -> what lists its images, sorted by name."""
        with os.scandir(self.path) as found:
            names = [entry.name for entry in found if entry.is_dir() and not is_hidden(entry.name)]
        return {name: partial(self._entries, name) for name in sorted(names)}

    def open(self) -> FolderReader:
        """Return what reads the files."""
        return FolderReader(self.path)

    def where(self, name: str) -> str:
        """Return the path of a file."""
        return printable(str(self.path / name))

    def _entries(self, wnid: str) -> list[Entry]:
        names = []
        for folder, folders, files in os.walk(self.path / wnid, onerror=_refuse):
            folders[:] = [name for name in folders if not is_hidden(name)]
            below = Path(folder).relative_to(self.path)
            names += [
                (below / name).as_posix()
                for name in files
                if is_image_name(name) and not is_hidden(name)
            ]
        return [self._entry(name) for name in sorted(names)]

    def _entry(self, name: str) -> Entry:
        try:
            status = (self.path / name).stat()
        except OSError as error:
            return Entry(name, 0, (name,), (), f"a link to nothing ({error.strerror})")
        # Opening a pipe would wait for whoever writes into it.
        problem = "" if stat.S_ISREG(status.st_mode) else "neither a file nor a link to one"
        return Entry(name, status.st_size, (name,), (status.st_size, status.st_mtime_ns), problem)


@dataclass(frozen=True)
class FolderReader:
    """Reads files of a folder."""

    path: Path

    def read(self, entry: Entry) -> bytes:
        """Return a file."""
        return (self.path / entry.name).read_bytes()

    def close(self) -> None:
        """Do nothing: no file is kept open."""


def find_folder(path: Path, label: str | None = None) -> FolderSource | None:
    """Return the source if a path is a folder.

    Source: ours.
    """
    return FolderSource(path) if path.is_dir() else None


def _refuse(error: OSError) -> None:
    raise error
