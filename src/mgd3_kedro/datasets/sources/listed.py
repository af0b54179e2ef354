"""Images in one folder, and a list that gives the class of each."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, ClassVar

from mgd3_kedro.datasets.sources.base import Entry, is_hidden, is_image_name, printable
from mgd3_kedro.datasets.sources.columns import (
    FILE_COLUMNS,
    IMAGE_COLUMNS,
    LABEL_COLUMNS,
    ColumnNames,
    choose,
)
from mgd3_kedro.datasets.sources.folder import FolderReader, FolderSource
from mgd3_kedro.datasets.sources.lists import lists_at, read_list, split_column
from mgd3_kedro.datasets.sources.numbered_classes import NO_CLASS, listed_names, name_of_class
from mgd3_kedro.datasets.sources.splits import SPLITS, split_called

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)

INSIDE = ("metadata", "labels")
"""Names of lists in the folder of the images."""
LEAST_COLUMNS = 2
"""Least number of columns of a list of images with their classes."""
NAME_COLUMNS = (*FILE_COLUMNS, *IMAGE_COLUMNS, "id", "image_id", "image_name", "image_path")


@dataclass(frozen=True)
class ListedSource:
    """Images in a folder, with a list of their names and classes.

    A name may leave out the folder and the suffix, if only one image is called so. Images that are
    not listed are ignored.

    Args:
        path: Folder of the images, at any depth.
        table: The list: CSV, TSV or JSON lines.
        columns: Columns that the user names.
        split: Split whose images are read from a list that may have several; None for all images.
    """

    named_by_folders: ClassVar = False

    path: Path
    table: Path
    columns: ColumnNames
    split: str | None = None

    def classes(self) -> Mapping[str, partial[list[Entry]]]:
        """Return class name -> function that lists its images, sorted by name.

        Raises:
            ValueError: If the list cannot be read, columns are not clear, or an image is listed
                with two classes.
        """
        known = _known_names(self.path)
        classes: dict[str, str] = {}
        missing: set[str] = set()
        try:
            for given, wnid in self._rows():
                given = _from_folder(given, self.path)
                name = known.get(given) or given
                if classes.setdefault(name, wnid) != wnid:
                    raise ValueError(f"{name} is listed as {classes[name]} and as {wnid}")
                if not known.get(given):
                    missing.add(given)
        except ValueError as error:
            raise ValueError(f"{self.table}: expected a list of images ({error})") from error
        names: dict[str, list[str]] = {}
        for name in sorted(classes):
            names.setdefault(classes[name], []).append(name)
        return {wnid: partial(self._entries, names[wnid], missing) for wnid in sorted(names)}

    def open(self) -> FolderReader:
        """Return a reader of the files."""
        return FolderReader(self.path)

    def where(self, name: str) -> str:
        """Return the path of a file."""
        return printable(str(self.path / name))

    def has_splits(self) -> bool:
        """Return whether a column or the names of images tell splits.

        Raises:
            ValueError: If the list cannot be read.
        """
        try:
            rows = read_list(self.table)
            if self._column_of_splits(rows):
                return True
        except ValueError as error:
            raise ValueError(f"{self.table}: expected a list of images ({error})") from error
        try:
            names = rows[self.columns.images or self._column_of_images(rows)]
        except (ValueError, KeyError):
            return False
        return len({_split_of_path(name) for name in names} - {None}) > 1

    def _rows(self) -> Iterator[tuple[str, str]]:
        """Return the name of each listed image of the split, and its class, if it has one."""
        rows = read_list(self.table)
        self.columns.check(list(rows.columns))
        splits = self._column_of_splits(rows)
        if splits and self.split is None:
            found = ", ".join(sorted(set(rows[splits])))
            raise ValueError(f"expected images of one split, got {found} in the column {splits}")
        columns = [name for name in rows.columns if name != splits]
        image = self.columns.images or self._column_of_images(rows[columns])
        others = [name for name in columns if name != image]
        label = self.columns.classes or choose(
            "classes", others, LABEL_COLUMNS, columns, self.columns
        )
        is_usual = self.columns.classes or label.lower() in LABEL_COLUMNS
        if not is_usual and rows[label].is_unique:
            raise ValueError(
                f"expected a column of classes, got {label}, which is different for every image; "
                f"{self.columns.advice('classes')}"
            )
        names = listed_names(self.table.parent)
        told = rows[splits] if splits else [None] * len(rows)
        for given, wnid, split in zip(rows[image], rows[label], told, strict=True):
            if wnid.strip() not in NO_CLASS and self._is_asked(given.strip(), split):
                yield given.strip(), name_of_class(wnid.strip(), names)

    def _column_of_splits(self, rows: pd.DataFrame) -> str | None:
        """Return the column of splits, if there is one; it is none that the user names."""
        named = (self.columns.images, self.columns.classes)
        return split_column(rows[[name for name in rows.columns if name not in named]])

    def _column_of_images(self, rows: pd.DataFrame) -> str:
        """Return the column of the names of images."""
        usual = [name for name in rows.columns if name.lower() in NAME_COLUMNS]
        whole = [name for name in usual if rows[name].str.strip().map(is_image_name).all()]
        known = [*rows.columns]
        return choose("images", whole or usual or known, (), known, self.columns)

    def _is_asked(self, name: str, split: str | None) -> bool:
        """Return whether an image is of the split: by a column, by its folder, or a train image."""
        if self.split is None:
            return True
        told = _split_of_path(name) or "train" if split is None else split_called(split.strip())
        return told == self.split

    def _entries(self, names: Iterable[str], missing: AbstractSet[str]) -> list[Entry]:
        entry = FolderSource(self.path).entry
        problem = f"listed in {self.table.name}, but there is no image of this name, or several"
        return [
            Entry(name, 0, (name,), (), problem) if name in missing else entry(name)
            for name in names
        ]


def find_listed(path: Path, columns: ColumnNames) -> ListedSource | None:
    """Return the source if a path is a folder of images with a list.

    A folder of several folders is a folder of classes, unless the user names a column of classes.
    """
    if not path.is_dir():
        return _find_in_list_of_splits(path, columns)
    found = next(_lists_of(path), None)
    if found is None:
        return None
    table, split = found
    folders = _folders_in(path)
    if len(folders) == 1:
        folders = _folders_in(folders[0]) or folders
    if len(folders) > 1 and columns.classes is None:
        if table.suffix.lower() != ".jsonl":  # which exported sets have beside class folders
            logger.warning(
                "%s: its folders are the classes, not a column of %s; to use the list, name "
                "the column with --params columns.classes=NAME",
                *(path, table),
            )
        return None
    return ListedSource(path, table, columns, split)


def _find_in_list_of_splits(path: Path, columns: ColumnNames) -> ListedSource | None:
    """Return the source if a list in the folder above tells which images are of a split."""
    split, folder = split_called(path.name), path.parent
    if not split or not folder.is_dir() or len(_folders_in(folder)) > 1:
        return None
    if table := next(lists_at(folder, INSIDE), None):
        source = ListedSource(folder, table, columns, split)
        return source if source.has_splits() else None
    table = next(lists_at(folder, _names_of_lists(split)), None)
    # A list of test images may have no classes.
    if table is None or len(read_list(table).columns) < LEAST_COLUMNS:
        return None
    return ListedSource(folder, table, columns)


def _names_of_lists(split: str) -> list[str]:
    return [f"{name}{end}" for name in SPLITS[split] for end in ("", "_labels")]


def _lists_of(folder: Path) -> Iterator[tuple[Path, str | None]]:
    """Return lists of the images in a folder, and the split to read from each, or None.

    A list beside the folder has its name, or that of its split: `train.csv` or `train_labels.csv`
    for `train_images`. A list beside it with another name may be of several splits.
    """
    yield from ((table, None) for table in lists_at(folder, INSIDE))
    split = split_called(folder.name)
    names = _names_of_lists(split) if split else []
    yield from ((table, None) for table in lists_at(folder.parent, (folder.name, *names)))
    if split:
        yield from ((table, split) for table in lists_at(folder.parent, INSIDE))


def _folders_in(path: Path) -> list[Path]:
    return [part for part in path.iterdir() if part.is_dir() and not is_hidden(part.name)]


def _known_names(path: Path) -> dict[str, str | None]:
    """Return what an image may be called -> its name; None if several may be called so."""
    names = [entry.name for entry in FolderSource(path).entries(".")]
    known: dict[str, str | None] = {}
    for name in names:
        parts = PurePosixPath(name).parts
        ends = [PurePosixPath(*parts[first:]) for first in range(len(parts))]
        for called in {str(one) for end in ends for one in (end, end.with_suffix(""))}:
            known[called] = None if called in known else name
    # A whole name means one image, even if another one may be called so.
    return known | {name: name for name in names}


def _split_of_path(name: str) -> str | None:
    """Return the split that the innermost folder with such a name is called after."""
    folders = PurePosixPath(name.strip().replace("\\", "/")).parts[:-1]
    return next((split for part in folders[::-1] if (split := split_called(part))), None)


def _from_folder(name: str, folder: Path) -> str:
    """Return the name of an image within a folder, of which the list may write the path."""
    name = name.replace("\\", "/").removeprefix("./")
    return name.removeprefix(f"{folder}/").removeprefix(f"{folder.name}/")
