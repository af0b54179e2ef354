"""Checks of a table before it is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def check_columns(name: str, table: pd.DataFrame, columns: Sequence[str]) -> None:
    """Check that a table has all columns and at least one row.

    Raises:
        ValueError: If a column is missing, or there is no row; the message names the columns.
    """
    missing = [column for column in columns if column not in table]
    if missing:
        raise ValueError(f"{name}: expected columns {', '.join(missing)}, got {list(table)}")
    if table.empty:
        raise ValueError(f"{name}: expected at least one row, got none")
