"""Where the images of a split are: a place of their own, or one side of images without a split."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from mgd3_kedro.datasets.own_split import TEST, TRAIN
from mgd3_kedro.datasets.sources import (
    ARCHIVES,
    AUTOMATIC,
    ColumnNames,
    Listing,
    Source,
    find_source,
    open_source,
)
from mgd3_kedro.datasets.sources.base import is_hidden
from mgd3_kedro.datasets.sources.splits import SPLITS, split_called

INSTEAD = {"val": ("test",)}
"""Split -> splits that are read where the set has none of this one."""
ALSO_A_CLASS = "train"
"""Name of a split that is a class in many sets, too, beside cars and boats."""


class Opened(NamedTuple):
    """A source, and the side of the project's own split to read from it.

    Args:
        place: Path of the images.
        source: Source of the images.
        classes: Class name -> function that lists its images, of all sides.
        side: "train" or "test"; None to read all images of the source.
    """

    place: Path
    source: Source
    classes: Mapping[str, Listing]
    side: str | None = None


def open_split(path: Path, columns: ColumnNames = AUTOMATIC) -> Opened:
    """Open the images of a split, or one side of the project's own split.

    The split may have another usual name, such as `Training` or `valid`. Without one for
    validation, the images of `test` are read. If images have no splits at all, this project splits
    them: `PATH/train` and `PATH/val` then mean the two sides of all images at PATH.

    Args:
        path: Path of a split, such as PATH/train.
        columns: Columns to read from tables.

    Raises:
        ValueError: If there is nothing at the path, or nothing that can be read.
        OSError: If it cannot be read.
    """
    split = split_called(path.name)
    if split and (opened := _find_split(path, split, columns)):
        return opened
    source = open_source(path, columns)
    return Opened(path, source, source.classes())


def has_images(path: Path, columns: ColumnNames = AUTOMATIC) -> bool:
    """Return whether there are images at a path of a split, even if they cannot be read."""
    if path.exists() or any(parent.is_file() for parent in path.parents):
        return True
    try:
        open_split(path, columns)
    except (ValueError, OSError):
        return False
    return True


def _find_split(path: Path, split: str, columns: ColumnNames) -> Opened | None:
    """Return the images of a split, at its path or beside it; None if there are none.

    Raises:
        ValueError: If all images are of one class.
    """
    if opened := _find(path, columns):
        return opened
    beside = _beside(path.parent, columns)
    if not path.exists():
        for called in (split, *INSTEAD.get(split, ())):
            for place in beside.pop(called):
                if opened := _find(place, columns):
                    return opened
    # Where another split is, the images beside it are not to be split: they may be its own.
    if any(_find(place, columns) for places in beside.values() for place in places):
        return None
    return _find_side(path, split, columns)


def _find_side(path: Path, split: str, columns: ColumnNames) -> Opened | None:
    """Return a side of all images of the folder that a path is in; None if it has none."""
    folder = path.parent
    source = find_source(folder, columns)
    classes = source.classes() if source else {}
    names = {name for name in classes if split_called(name)}
    if path.exists():
        # An empty folder is no class.
        is_split = names != {ALSO_A_CLASS} or not classes[ALSO_A_CLASS]()
    else:
        is_split = not names <= {ALSO_A_CLASS}
    if not source or not classes or is_split:
        return None
    if len(classes) > 1:
        return Opened(folder, source, classes, TRAIN if split == TRAIN else TEST)
    (name,) = classes
    # Archives are often made of one folder that has all others.
    if opened := _find_split(folder / name / path.name, split, columns):
        return opened
    raise ValueError(
        f"expected images at {path}, or at least two classes to split in {folder}; found one "
        f"class, {name}"
    )


def _find(path: Path, columns: ColumnNames) -> Opened | None:
    """Return the images at a path; None if there are no classes of images."""
    source = find_source(path, columns)
    classes = source.classes() if source else {}
    if not source or not classes:
        return None
    if len(classes) == 1 and split_called(name := next(iter(classes))):
        # An archive of a split may consist of one folder with the same name.
        return _find(path / name, columns) or Opened(path, source, classes)
    return Opened(path, source, classes)


def _beside(folder: Path, columns: ColumnNames) -> dict[str, list[Path]]:
    """Return split -> places that are called after it, the usual names first.

    Places are folders, archives, and the start of the names of files (`folder/train` for
    `train-0.parquet`).
    """
    found: dict[str, list[Path]] = {split: [] for split in SPLITS}
    for name in sorted(_names_in(folder, columns)):
        if not is_hidden(name) and (split := split_called(name.partition(".")[0])):
            found[split].append(folder / name)
    for split, places in found.items():
        places.sort(key=lambda place: (place.is_file(), place.name.lower() != split))
    return found


def _names_in(folder: Path, columns: ColumnNames) -> Iterator[str]:
    """Return the folders of a folder or an archive, and the archives of a folder."""
    if folder.is_dir():
        yield from SPLITS
        for path in folder.iterdir():
            if path.is_dir() or path.name.lower().endswith(ARCHIVES):
                yield path.name
    elif source := find_source(folder, columns):
        yield from source.classes()
