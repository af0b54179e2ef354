"""Images in tar archives whose classes are not told by files beside them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice, takewhile
from pathlib import Path
from typing import NamedTuple

from mgd3_kedro.datasets.sources.base import Entry, is_image_name
from mgd3_kedro.datasets.sources.splits import split_of
from mgd3_kedro.datasets.sources.tarred import told_apart, walk

CLASS, FIELDS = "cls", "json"
"""Suffixes of files with the class of a sample, and with a JSON object about it."""
LOOKED_AT = 32
"""Number of files of an archive that are looked at to know its kind."""


class Untold(NamedTuple):
    """An image whose class no file tells.

    Args:
        file: Its archive.
        folders: Its folders in the archive, the outer one first.
        entry: The image.
    """

    file: Path
    folders: tuple[str, ...]
    entry: Entry


def by_folder(images: Sequence[Untold], files: Sequence[Path]) -> Iterator[tuple[str, Entry]]:
    """Yield the class of each image: its archive, or in parts of one set its outer folder.

    The names of parts differ in numbers alone, or are those of splits. Folders that all images are
    in are no classes.

    Args:
        images: Images of all archives.
        files: The archives.
    """
    if not images:
        return
    folders = [image.folders for image in images]
    top = sum(1 for _ in takewhile(lambda parts: len(set(parts)) == 1, zip(*folders, strict=False)))
    if len(files) == 1:
        top = min(top, max(0, min(map(len, folders)) - 1))
    stems = {re.sub(r"\d", "", file.stem) for file in files}
    are_parts = len(stems) == 1 or all(map(split_of, files))
    for image in images:
        inner = image.folders[top:]
        yield inner[0] if are_parts and inner else image.file.stem, image.entry


def has_folders(file: Path) -> bool:
    """Return whether an archive has folders of images, without files that tell the classes.

    So if it cannot be read.
    """
    try:
        with file.open("rb") as opened, told_apart(str(file)):
            found = [info.name.removeprefix("./") for info in islice(walk(opened), LOOKED_AT)]
    except ValueError:
        return True
    tells = any(name.lower().endswith((f".{CLASS}", f".{FIELDS}")) for name in found)
    return not tells and next(("/" in name for name in found if is_image_name(name)), True)
