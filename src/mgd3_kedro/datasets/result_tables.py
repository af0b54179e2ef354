"""Tables of results, checked when they are read, so that truncated rows are not used."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mgd3_kedro.result_columns import ACCURACIES, FINISHED

if TYPE_CHECKING:
    import pandas as pd

NAMES = ("method", "settings", "data_set", "configuration", "wnid", "class_name")
"""Columns that are read as text, even if the values look like numbers."""
KEYS = ("benchmark", "method", "network", "ipc", "seed", "training_seed")
"""Columns in which every row of a training has a value."""
NUMBERS = ("ipc", "seed", "training_seed")
OF_ROWS = {"method", "network", "training_seed", "top1_last"}
"""Columns by which a table is recognised as one with a row per training."""
OURS = "code_version"
"""Column that only tables written by this project have; these always end with a newline."""
ADVICE = "repeat the run that made the table (it reuses finished results), or remove the table"


def read_table(path: Path) -> pd.DataFrame:
    """Read a table of results.

    Args:
        path: CSV file.

    Raises:
        ValueError: If the file is not a table, was truncated, or has a row of a training without a
            key, or without accuracies although it finished. The message is one line that names the
            file and the line or row.
    """
    import pandas as pd

    try:
        text = path.read_text(encoding="utf-8-sig")
        for problem in _cuts(text):
            raise ValueError(f"{problem}; {ADVICE}")
        # A method or a class may look like a number.
        table = pd.read_csv(io.StringIO(text), dtype=dict.fromkeys(NAMES, str))
        for problem in _bad_rows(table) if {*table} >= OF_ROWS else ():
            raise ValueError(f"{problem}; {ADVICE}")
    except (ValueError, csv.Error) as error:
        raise ValueError(f"{path}: expected a table of results, {error}") from error
    return table


def _cuts(text: str) -> Iterator[str]:
    """Yield a message for every sign that a table or one of its lines was truncated."""
    header: list[str] = []
    lines = csv.reader(io.StringIO(text))
    for values in lines:
        header = header or values
        if values and len(values) != len(header):
            yield f"got {len(values)} of {len(header)} values in line {lines.line_num}"
    if (OURS in header or "\n" not in text) and not text.endswith("\n"):
        yield f"got a file that ends in the middle of line {lines.line_num}"


def _bad_rows(table: pd.DataFrame) -> Iterator[str]:
    """Yield a message for every problem in the rows of trainings."""
    import pandas as pd

    if table.empty:
        yield "got a table without rows"
    for name in (*KEYS, *ACCURACIES):
        if name not in table:
            yield f"got a table without a column {name}"
    for name in KEYS:
        numbers = pd.to_numeric(table[name], errors="coerce") if name in NUMBERS else table[name]
        bad = numbers.isna() | (numbers % 1 != 0 if name in NUMBERS else False)
        yield from _tell(table, bad, name, "a whole number" if name in NUMBERS else "a name")
    outcome = table["outcome"] if "outcome" in table else pd.Series(FINISHED, index=table.index)
    finished = outcome.fillna(FINISHED) == FINISHED
    for name in ACCURACIES:
        is_percent = pd.to_numeric(table[name], errors="coerce").between(0, 100)
        wanted = "percent, or an outcome that says why there is none"
        yield from _tell(table, finished & ~is_percent, name, wanted)


def _tell(table: pd.DataFrame, bad: pd.Series[bool], name: str, wanted: str) -> Iterator[str]:
    for number, value in zip(bad.to_numpy().nonzero()[0], table[name][bad], strict=True):
        yield f"got {name} {value!r} in row {number + 1}, where {wanted} is expected"
