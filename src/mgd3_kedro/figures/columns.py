"""What a table has to hold before it is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def check_columns(name: str, table: pd.DataFrame, columns: Sequence[str]) -> None:
    """Refuse a table that is empty or lacks a column.

    Raises:
        ValueError: Naming the columns that are missing.
    """
    missing = [column for column in columns if column not in table]
    if missing:
        raise ValueError(f"{name}: expected columns {', '.join(missing)}, got {list(table)}")
    if table.empty:
        raise ValueError(f"{name}: expected at least one row, got none")
