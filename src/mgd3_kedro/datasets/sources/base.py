"""What a place that images are kept in must offer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

SUFFIXES = frozenset(
    (
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".jp2", ".j2k", ".png", ".gif", ".bmp", ".webp"),
        *(".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm"),
        # Not decoded, but images: to be named, not left out.
        *(".avif", ".heic", ".heif", ".jxl", ".svg", ".tga", ".ico", ".exr"),
    )
)
"""What other files are called that lie among images is none of our business."""
LEFT_BEHIND = frozenset(
    ("__MACOSX", "__pycache__", "@eaDir", "$RECYCLE.BIN", "System Volume Information", "lost+found")
)
"""Folders of operating systems, archivers and network drives."""
MAX_BYTES = 2**28
"""No image is larger; a member of an archive that claims to be is not unpacked."""


class Entry(NamedTuple):
    """One image of a source, not read.

    Args:
        name: Stable, and no other entry's of the class.
        size: Bytes of the file, 0 if the source does not say.
        place: How the source finds it: plain numbers or names that sort in reading order.
        stamp: What changes when the file does.
        problem: Why it cannot be read, known without reading it; empty if nothing is known.
    """

    name: str
    size: int
    place: tuple[int | str, ...]
    stamp: tuple[int | str, ...]
    problem: str = ""


class Reader(Protocol):
    """An opened source: of one process, not picklable."""

    def read(self, entry: Entry) -> bytes:
        """Return a file; cheap if entries are asked for in the order of their places.

        Raises:
            ValueError: If what is there is damaged.
            OSError: If it cannot be read.
        """

    def close(self) -> None:
        """Close files."""


class Source(Protocol):
    """A place that labelled images are kept in: hashable, picklable, nothing opened."""

    def classes(self) -> Mapping[str, Callable[[], Sequence[Entry]]]:
        """Return class name -> what lists its images, in a stable order.

        Raises:
            ValueError: If the source is damaged or says nothing about classes.
            OSError: If it cannot be read.
        """

    def open(self) -> Reader:
        """Open it for reading."""

    def where(self, name: str) -> str:
        """Return how people find an entry: its path, or archive::member."""


def printable(name: str) -> str:
    """Return a name with what a terminal cannot show, or would obey, written as escapes."""
    return name if name.isprintable() else ascii(name)[1:-1]


def stamp_of(path: Path) -> tuple[int, int]:
    """Return size and time of change of a file."""
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def is_hidden(part: str) -> bool:
    """Tell whether a part of a path is what file managers and archivers leave behind."""
    return part.startswith(".") or part in LEFT_BEHIND


def is_image_name(name: str) -> bool:
    """Tell whether a file is called like an image."""
    return Path(name).suffix.lower() in SUFFIXES


def split_archive(path: Path, suffixes: Iterable[str]) -> tuple[Path, tuple[str, ...]] | None:
    """Split a path that may lead into an archive, such as `data.zip/train`.

    Args:
        path: The path.
        suffixes: Of the archives meant.

    Returns:
        The archive and the folders within; None if the path leads into none.
    """
    endings = tuple(suffixes)
    for candidate in (path, *path.parents):
        if candidate.name.lower().endswith(endings) and candidate.is_file():
            return candidate, path.relative_to(candidate).parts
    return None


class Member(NamedTuple):
    """A file of an archive: the class it belongs to, and its entry.

    Args:
        wnid: Folder that stands for the class.
        entry: The file; None for a folder, which may be all that there is of a class.
    """

    wnid: str
    entry: Entry | None


def as_member(raw: str, inner: tuple[str, ...], entry: Entry | None) -> Member | None:
    """Return a member of an archive with its class and name, None if it is no image of a class.

    Nothing is ever unpacked, so a name that leads elsewhere does no harm; it is a bad file still.

    Args:
        raw: Name in the archive.
        inner: Folders of the archive below which the class folders are.
        entry: The member without its name; None for a folder.
    """
    path = raw.replace("\\", "/")
    parts = [part for part in path.split("/") if part not in ("", ".", "..")]
    if tuple(parts[: len(inner)]) != inner:
        return None
    parts = parts[len(inner) :]
    if any(map(is_hidden, parts)):
        return None
    if entry is None:
        return Member(parts[0], None) if parts else None
    if len(parts) < 2 or not is_image_name(parts[-1]):
        return None
    if path.startswith("/") or ".." in path.split("/"):
        return Member(
            parts[0], entry._replace(name=raw, problem="a path that leads out of the archive")
        )
    return Member(parts[0], entry._replace(name="/".join(parts)))


def by_class(members: Iterable[Member]) -> dict[str, dict[str, Entry]]:
    """Group the members of an archive: class -> name -> entry, of two of a name the last.

    Source: the order in which archives are unpacked.
    """
    classes: dict[str, dict[str, Entry]] = {}
    for wnid, entry in members:
        images = classes.setdefault(wnid, {})
        if entry:
            images[entry.name] = entry
    return classes
