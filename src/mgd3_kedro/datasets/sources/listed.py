"""Images in one folder, and a list that gives the class of each."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from mgd3_kedro.datasets.sources.base import Entry, is_hidden, printable
from mgd3_kedro.datasets.sources.columns import (
    FILE_COLUMNS,
    IMAGE_COLUMNS,
    LABEL_COLUMNS,
    ColumnNames,
    choose,
)
from mgd3_kedro.datasets.sources.folder import FolderReader, FolderSource
from mgd3_kedro.datasets.sources.numbered_classes import NO_CLASS, listed_names, name_of_class
from mgd3_kedro.datasets.sources.splits import SPLITS, split_called

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)

INSIDE = ("metadata", "labels")
"""Names of lists in the folder of the images."""
NAME_COLUMNS = (*FILE_COLUMNS, *IMAGE_COLUMNS, "id", "image_id", "image_name")


@dataclass(frozen=True)
class ListedSource:
    """Images in a folder, with a list of their names and classes.

    A name may leave out the folder and the suffix, if only one image is called so. Images that are
    not listed are ignored.

    Args:
        path: Folder of the images, at any depth.
        table: The list, one of `FORMS`.
        columns: Columns that the user names.
    """

    path: Path
    table: Path
    columns: ColumnNames

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

    def _rows(self) -> Iterator[tuple[str, str]]:
        """Return the name of each listed image and its class, if it has one."""
        rows = FORMS[self.table.suffix.lower()](self.table)
        columns = list(rows.columns)
        self.columns.check(columns)
        usual = next((name for name in NAME_COLUMNS if name in columns), None)
        image = self.columns.images or usual or choose("images", columns, (), columns, self.columns)
        others = [name for name in columns if name != image]
        label = self.columns.classes or choose(
            "classes", others, LABEL_COLUMNS, columns, self.columns
        )
        if label not in (self.columns.classes, *LABEL_COLUMNS) and rows[label].is_unique:
            raise ValueError(
                f"expected a column of classes, got {label}, which is different for every image; "
                f"{self.columns.advice('classes')}"
            )
        names = listed_names(self.table.parent)
        for given, told in zip(rows[image].str.strip(), rows[label].str.strip(), strict=True):
            if told not in NO_CLASS:
                yield given, name_of_class(told, names)

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
        return None
    folders = [part for part in path.iterdir() if part.is_dir() and not is_hidden(part.name)]
    tables = (Path(f"{place}{form}") for place in _places(path) for form in FORMS)
    table = next((table for table in tables if table.is_file()), None)
    if table is None:
        return None
    if len(folders) > 1 and columns.classes is None:
        if table.suffix.lower() != ".jsonl":  # which exported sets have beside class folders
            logger.warning(
                "%s: its folders are the classes, not a column of %s; to use the list, name "
                "the column with --params columns.classes=NAME",
                *(path, table),
            )
        return None
    return ListedSource(path, table, columns)


def _places(folder: Path) -> Iterator[Path]:
    """Return paths that the list of a folder may have, without their suffix.

    A list beside the folder has its name, or that of its split: `train.csv` or `train_labels.csv`
    for `train_images`. Beside train images, `labels.csv` is theirs.
    """
    yield from (folder / name for name in INSIDE)
    yield folder
    if split := split_called(folder.name):
        for name in SPLITS[split]:
            yield from (folder.with_name(f"{name}{end}") for end in ("", "_labels"))
        if split == "train":
            yield from (folder.with_name(name) for name in INSIDE)


def _known_names(path: Path) -> dict[str, str | None]:
    """Return what an image may be called -> its name; None if several may be called so."""
    names = [entry.name for entry in FolderSource(path).entries(".")]
    known: dict[str, str | None] = {}
    for name in names:
        whole = PurePosixPath(name)
        for called in {whole.name, whole.stem, str(whole.with_suffix(""))}:
            known[called] = None if called in known else name
    # A whole name means one image, even if another one may be called so.
    return known | {name: name for name in names}


def _from_folder(name: str, folder: Path) -> str:
    """Return the name of an image within a folder, of which the list may write the path."""
    name = name.replace("\\", "/").removeprefix("./")
    return name.removeprefix(f"{folder}/").removeprefix(f"{folder.name}/")


def _read_csv(path: Path) -> pd.DataFrame:
    import pandas as pd

    with path.open(encoding="utf-8-sig") as file:
        head = file.readline()
    separator = max(",;\t", key=head.count)
    rows = pd.read_csv(
        path,
        sep=separator,
        dtype=str,
        keep_default_na=False,
        encoding="utf-8-sig",
        index_col=False,
    )
    # Rows may end early.
    return rows.fillna("")


def _read_lines(path: Path) -> pd.DataFrame:
    import pandas as pd

    lines = path.read_text(encoding="utf-8-sig").split("\n")
    rows = [json.loads(line) for line in lines if line.strip()]
    if not all(isinstance(row, dict) for row in rows):
        raise ValueError("expected a JSON object in every line")
    return pd.DataFrame(rows, dtype=object).fillna("").map(str)


FORMS: Mapping[str, Callable[[Path], pd.DataFrame]] = {
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".jsonl": _read_lines,
}
"""Suffix of a list -> function that returns its rows, as text."""
