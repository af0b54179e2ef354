"""Where the images of a split are: a place of their own, or one side of images without a split."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from mgd3_kedro.datasets.class_folders import (
    are_classes,
    is_no_class,
    possible_sets,
    shared_folders,
)
from mgd3_kedro.datasets.own_split import TEST, TRAIN
from mgd3_kedro.datasets.sources import (
    AUTOMATIC,
    ColumnNames,
    Entry,
    Listing,
    Source,
    find_source,
    open_source,
)
from mgd3_kedro.datasets.sources.splits import SPLITS, SeveralSplitsError, split_called
from mgd3_kedro.datasets.split_places import archives_in, kind_of, places_by_split

logger = logging.getLogger(__name__)

INSTEAD = {"val": ("test",)}
"""Split -> splits that are read where the set has none of this one."""
SHOWN = 5
"""Number of names in a message."""
DEEPEST = 3
"""Maximum number of folders within each other that are looked through for class folders."""


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

    The split may have another usual name, such as `Training` or `valid`. Without images for
    validation, those of `test` are read. If images have no splits at all, this project splits them:
    `PATH/train` and `PATH/val` then mean the two sides of all images at PATH.

    Args:
        path: Path of a split, such as PATH/train.
        columns: Columns to read from tables.

    Raises:
        ValueError: If there is nothing at the path, nothing that can be read, or several places
            may be meant.
        OSError: If it cannot be read.
    """
    split = split_called(path.name)
    if split and (opened := _Search(columns).split(path, split)):
        return opened
    source = open_source(path, columns)
    return Opened(path, source, {} if split else source.classes())


def has_images(path: Path, columns: ColumnNames = AUTOMATIC) -> bool:
    """Return whether there are images at a path of a split, even if they cannot be read."""
    if path.exists() or any(parent.is_file() for parent in path.parents):
        return True
    try:
        open_split(path, columns)
    except (ValueError, OSError):
        return False
    return True


@dataclass(frozen=True)
class _Search:
    """Search for the images of a split; every place is opened and listed once.

    Args:
        columns: Columns to read from tables.
    """

    columns: ColumnNames
    _known: dict[Path, Opened | None] = field(default_factory=dict)

    def split(self, path: Path, split: str, depth: int = 0) -> Opened | None:
        """Return the images of a split, at its path or beside it; None if there are none.

        Raises:
            ValueError: If several places may be meant, or all images are of one class.
        """
        if opened := self._images(path, split):
            return opened
        beside = self._beside(path.parent)
        for called in (split, *INSTEAD.get(split, ())):
            if opened := self._only(beside.pop(called), called):
                return opened
        # Where another split is, the images beside it are not to be split: they may be its own.
        others = ((place, called) for called, places in beside.items() for place in places)
        if any(self._images(*other) for other in others):
            return None
        return self._side(path, split, depth)

    def _only(self, places: Iterable[Path], split: str) -> Opened | None:
        """Return the images at the places of a split; the first kind of place that has some.

        Raises:
            ValueError: If several places of one kind have images.
        """
        for _, group in groupby(places, key=kind_of(split)):
            if opened := _one_of([self._images(place, split) for place in group], split):
                return opened
        return None

    def _side(self, path: Path, split: str, depth: int) -> Opened | None:
        """Return a side of all images of the folder that a path is in; None if it has none.

        Raises:
            ValueError: If all images are of one class.
        """
        folder = path.parent
        try:
            opened = self._open(folder)
        except SeveralSplitsError:
            return None
        if not opened:
            return None
        listed = {name: listing() for name, listing in opened.classes.items()}
        classes = {name: entries for name, entries in listed.items() if entries}
        if path.exists() and path.name not in classes:
            return None
        if empty := sorted(listed.keys() - classes.keys()):
            logger.info("%s: no images in %s", folder, ", ".join(empty))
        if len(classes) > 1 and (not opened.source.named_by_folders or are_classes(classes)):
            if opened.source.named_by_folders and (shared := shared_folders(classes)):
                _warn_of_shared_folders(folder, *shared)
            kept = {name: _Listed(entries) for name, entries in classes.items()}
            return Opened(folder, opened.source, kept, TRAIN if split == TRAIN else TEST)
        # A set is often in a folder of its own, or in an archive, beside documents.
        sets = sorted(
            possible_sets(classes) if len(classes) > 1 else {*listed, *archives_in(folder)}
        )
        places = [folder / name / path.name for name in sets] if depth < DEEPEST else []
        if one := _one_of([self.split(place, split, depth + 1) for place in places], split):
            return one
        if not depth and len(classes) == 1 and not is_no_class(name := next(iter(classes))):
            raise ValueError(
                f"expected images at {path}, or at least two classes to split in {folder}; found "
                f"one class, {name}"
            )
        return None

    def _images(self, path: Path, split: str, depth: int = 0) -> Opened | None:
        """Return the images at a path of a split; None if there are no classes of images.

        Raises:
            ValueError: If several folders may be meant.
        """
        opened = self._open(path)
        if not opened or not opened.classes:
            return None
        names = list(opened.classes)
        # A split may be in a folder of its name, in an archive or not.
        around = [name for name in names if split_called(name) == split]
        if below := self._below(path, around, split, depth):
            rest = (name for name in names if name not in around)
            if others := [name for name in rest if opened.classes[name]()]:
                raise ValueError(
                    f"{path}: expected classes, or one folder {around[0]} with all of them, got "
                    f"{', '.join((around[0], *others[:SHOWN]))}; move the others away, or, if "
                    f"{around[0]} is a class, give it another name"
                )
            return below
        are_none = all(map(is_no_class, names))
        alone = names if len(names) == 1 or are_none else []
        if below := self._below(path, alone, split, depth, least=2):
            return below
        # The first class that has images ends this.
        has_some = not are_none and any(listing() for listing in opened.classes.values())
        return opened if has_some else None

    def _below(
        self, path: Path, names: Sequence[str], split: str, depth: int, least: int = 1
    ) -> Opened | None:
        """Return the only folder at a path that has a least number of classes; None if none has.

        Raises:
            ValueError: If several have.
        """
        if depth == DEEPEST:
            return None
        found = [self._images(path / name, split, depth + 1) for name in names]
        return _one_of([one for one in found if one and len(one.classes) >= least], split)

    def _open(self, path: Path) -> Opened | None:
        """Return what is at a path, also without classes; None if nothing can be read there."""
        if path not in self._known:
            source = find_source(path, self.columns)
            self._known[path] = Opened(path, source, source.classes()) if source else None
        return self._known[path]

    def _beside(self, folder: Path) -> dict[str, list[Path]]:
        """Return split -> places that are called after it, folders and the usual names first.

        Places are folders, archives, and the start of the names of files (`folder/train` for
        `train-0.parquet`).
        """
        return places_by_split(folder, set(self._names_in(folder)))

    def _names_in(self, folder: Path) -> Iterator[str]:
        """Return the folders of a folder or an archive, and the archives of a folder."""
        if folder.is_dir():
            yield from SPLITS
            yield from (path.name for path in folder.iterdir() if path.is_dir())
            yield from archives_in(folder)
        elif opened := self._open(folder):
            yield from opened.classes


@dataclass(frozen=True)
class _Listed:
    """A listing that is known already."""

    entries: Sequence[Entry]

    def __call__(self) -> Sequence[Entry]:
        return self.entries


def _one_of(found: Iterable[Opened | None], split: str) -> Opened | None:
    """Return the only place that has images; None if there is none.

    Raises:
        ValueError: If there are several.
    """
    opened = [one for one in found if one]
    if len(opened) > 1:
        places = ", ".join(dict.fromkeys(str(one.place) for one in opened))
        raise ValueError(
            f"expected one folder or archive of images for {split}, got {places}; call the one to "
            f"use {split}, or name the folder that it is in with --params data=FOLDER"
        )
    return opened[0] if opened else None


@cache
def _warn_of_shared_folders(folder: Path, *names: str) -> None:
    """Warn, once, of two classes that have the same folders within, which may be the classes."""
    logger.warning(
        "%s: %s and %s are read as classes, and both have folders %s; if these are the classes, "
        "name one of the two with --params data=FOLDER",
        *(folder, *names[:2], ", ".join(names[2 : 2 + SHOWN])),
    )
