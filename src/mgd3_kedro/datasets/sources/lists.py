"""Lists of images: tables of text with a row per image."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from mgd3_kedro.datasets.sources.splits import split_called

if TYPE_CHECKING:
    import pandas as pd

SPLIT_COLUMNS = ("split", "splits", "subset", "set", "dataset", "partition", "phase")
"""Names, in small letters, of columns that tell the split of each image."""
IS_OF_SPLIT = frozenset(("0", "1", "true", "false", "yes", "no"))
"""Values by which a column tells whether an image is of a split."""


def read_list(path: Path) -> pd.DataFrame:
    """Return the rows of a list, as text.

    Raises:
        ValueError: If it cannot be read.
    """
    return FORMS[path.suffix.lower()](path)


def lists_at(folder: Path, names: Iterable[str]) -> Iterator[Path]:
    """Return the lists in a folder with some names, in capitals or not, in the order of names."""
    files = {path.name.lower(): path for path in folder.iterdir()} if folder.is_dir() else {}
    for name in names:
        for form in FORMS:
            path = files.get(f"{name}{form}".lower())
            if path and path.is_file():
                yield path


def split_column(rows: pd.DataFrame) -> str | None:
    """Return the column that tells the split of each image; None if there is none.

    Raises:
        ValueError: If a column is called after splits and has other values.
    """
    for name in rows.columns:
        values = {value.strip() for value in rows[name].unique()} - {""}
        splits = {split_called(value) for value in values}
        if (is_split_column(name) and splits - {None}) or (len(splits) > 1 and None not in splits):
            return str(name)
        is_called = any(map(split_called, re.findall(r"[a-z]+", str(name).lower())))
        if is_called and values and {value.lower() for value in values} <= IS_OF_SPLIT:
            raise ValueError(
                f"expected splits by name (train, val, test) in a column called split, got "
                f"{', '.join(sorted(values))} in the column {name}; rename it if it tells none"
            )
    return None


def is_split_column(name: str) -> bool:
    """Return whether a column is called after the splits of a set."""
    return re.sub(r"[^a-z]", "", name.lower()) in SPLIT_COLUMNS


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
