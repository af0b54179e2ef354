"""Interfaces of image sources and their readers, and helpers that all sources share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, NamedTuple, Protocol

SUFFIXES = frozenset(
    (
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".jp2", ".j2k", ".png", ".gif", ".bmp", ".webp"),
        *(".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm"),
        # Images that cannot be decoded; they are reported, not ignored.
        *(".avif", ".heic", ".heif", ".jxl", ".svg", ".tga", ".ico", ".exr"),
    )
)
"""Suffixes of image files; files with other suffixes are ignored."""
LEFT_BEHIND = frozenset(
    ("__MACOSX", "__pycache__", "@eaDir", "$RECYCLE.BIN", "System Volume Information", "lost+found")
)
"""Folders that operating systems, archivers and network drives leave behind."""
MAX_BYTES = 2**28
"""Maximum size of an image file; an archive member that claims to be larger is not unpacked."""


class Entry(NamedTuple):
    """Reference to one image of a source; the image is not read yet.

    Args:
        name: Name of the image, stable and unique within its class.
        size: Size of the file in bytes; 0 if the source does not say.
        place: Position in the source: numbers or names that sort in reading order.
        stamp: Values that change when the file changes.
        problem: Reason why the image cannot be read, if that is known without reading it; else
            empty.
    """

    name: str
    size: int
    place: tuple[int | str, ...]
    stamp: tuple[int | str, ...]
    problem: str = ""


Listing = Callable[[], Sequence[Entry]]
"""Function that lists the images of a class, in a stable order."""


class Reader(Protocol):
    """An open source; it belongs to one process and cannot be pickled."""

    def read(self, entry: Entry) -> bytes:
        """Return the content of a file; fast if entries are read in the order of their places.

        Raises:
            ValueError: If the content is damaged.
            OSError: If it cannot be read.
        """

    def close(self) -> None:
        """Close files."""


class Source(Protocol):
    """A source of labelled images: hashable, picklable, without open files."""

    named_by_folders: ClassVar[bool]
    """Whether classes are folders, so that a class may be something else: a split, or documents."""

    def classes(self) -> Mapping[str, Listing]:
        """Return class name -> function that lists its images.

        Raises:
            ValueError: If the source is damaged or says nothing about classes.
            OSError: If it cannot be read.
        """

    def open(self) -> Reader:
        """Open the source for reading."""

    def where(self, name: str) -> str:
        """Return the location of an entry for messages: its path, or archive::member."""


def printable(name: str) -> str:
    """Return a name with escapes for unprintable and control characters."""
    return name if name.isprintable() else ascii(name)[1:-1]


def stamp_of(path: Path) -> tuple[int, int]:
    """Return size and time of change of a file."""
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def is_hidden(part: str) -> bool:
    """Return whether a part of a path is hidden or left behind by other programs."""
    return part.startswith(".") or part in LEFT_BEHIND


def is_image_name(name: str) -> bool:
    """Return whether a file name has the suffix of an image."""
    return Path(name).suffix.lower() in SUFFIXES


def split_archive(path: Path, suffixes: Iterable[str]) -> tuple[Path, tuple[str, ...]] | None:
    """Split a path that may lead into an archive, such as `data.zip/train`.

    Args:
        path: The path.
        suffixes: Suffixes of the archives.

    Returns:
        The archive and the folders within it; None if the path does not lead into an archive.
    """
    endings = tuple(suffixes)
    for candidate in (path, *path.parents):
        if candidate.name.lower().endswith(endings) and candidate.is_file():
            return candidate, path.relative_to(candidate).parts
    return None


class Member(NamedTuple):
    """A file or folder of an archive, with its class.

    Args:
        wnid: Name of the class folder.
        entry: The file; None for a folder, as a class may consist of an empty folder.
    """

    wnid: str
    entry: Entry | None


def as_member(raw: str, inner: tuple[str, ...], entry: Entry | None) -> Member | None:
    """Return a member of an archive with its class; None if it is not an image of a class.

    Nothing is unpacked, so a name that leads out of the archive is harmless. It is still reported
    as a bad file.

    Args:
        raw: Name in the archive.
        inner: Folders within the archive that contain the class folders.
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
    """Group the members of an archive: class -> name -> entry.

    If a name occurs twice, the last member counts, as it does when an archive is unpacked.
    """
    classes: dict[str, dict[str, Entry]] = {}
    for wnid, entry in members:
        images = classes.setdefault(wnid, {})
        if entry:
            images[entry.name] = entry
    return classes
