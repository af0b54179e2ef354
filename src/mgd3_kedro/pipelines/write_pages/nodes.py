"""Nodes that write tables into pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from mgd3_kedro.pipelines.write_pages.markers import replace_tables
from mgd3_kedro.pipelines.write_pages.tables import PageTable, gather, write_table

if TYPE_CHECKING:
    import pandas as pd


def tabulate_results(
    page_tables: Mapping[str, Any], results: Mapping[str, Callable[[], pd.DataFrame]]
) -> dict[str, str]:
    """Write every table of the pages as Markdown.

    Args:
        page_tables: `tables`, by name what each shows; `cell`, of those that have none.
        results: File -> loads its rows.

    Raises:
        ValueError: Naming the table that cannot be written, and why.
    """
    written = {}
    for name, values in page_tables["tables"].items():
        try:
            table = PageTable.from_values({"cell": page_tables["cell"], **values})
            written[name] = write_table(gather(results, table.rows), table)
        except ValueError as error:
            raise ValueError(f"table {name}: {error}") from error
    return written


def write_pages(pages: Mapping[str, str], tables: Mapping[str, str]) -> dict[str, str]:
    """Put the tables between their markers.

    Args:
        pages: File -> its text.
        tables: Name -> its text.

    Raises:
        ValueError: Naming the page or the table that does not fit.
    """
    written, used = {}, set()
    for name, text in pages.items():
        try:
            written[name], found = replace_tables(text, tables)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
        used |= found
    for name in tables:
        if name not in used:
            raise ValueError(
                f"table {name}: expected a line <!-- table {name} --> in a page, got none; put it "
                "where the table belongs, with a line <!-- end --> after it"
            )
    return written
