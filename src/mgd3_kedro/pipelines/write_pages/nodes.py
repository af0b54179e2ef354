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
    """Return every table of the pages as Markdown, by name.

    Args:
        page_tables: `tables`, name -> configuration of a table; `cell`, the default cell format.
        results: File -> function that loads its rows.

    Raises:
        ValueError: If a table cannot be written; the message names it and the reason.
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
    """Return the pages with the tables between their markers.

    Args:
        pages: File -> its text.
        tables: Name -> its text.

    Raises:
        ValueError: If a page has an unknown table or a missing marker, or if a table is in no
            page; the message names the page or the table.
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
