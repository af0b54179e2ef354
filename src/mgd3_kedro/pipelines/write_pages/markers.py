"""Markers of the tables in a page."""

from __future__ import annotations

import re
from collections.abc import Mapping

from mgd3_kedro.checks import lookup

BEGIN = re.compile(r"<!-- table (.+) -->")
END = "<!-- end -->"


def replace_tables(text: str, tables: Mapping[str, str]) -> tuple[str, set[str]]:
    """Replace the tables of a page.

    A table is the text between the lines `<!-- table NAME -->` and `<!-- end -->`.

    Args:
        text: Text of the page.
        tables: Name -> new text of the table.

    Returns:
        The new text of the page, and the names of its tables.

    Raises:
        ValueError: If a table is unknown, or one of two markers is missing.
    """
    kept: list[str] = []
    found: set[str] = set()
    inside = None
    for line in text.splitlines(keepends=True):
        begun = BEGIN.fullmatch(line.strip())
        if inside is not None and begun:
            break
        if begun:
            inside = begun[1]
            kept += [line, lookup(tables, inside, "table")]
            found.add(inside)
        elif line.strip() == END:
            if inside is None:
                raise ValueError(f"expected a line <!-- table NAME --> before {END}, got none")
            inside = None
            kept.append(line)
        elif inside is None:
            kept.append(line)
    if inside is not None:
        raise ValueError(f"expected a line {END} after table {inside}, got none")
    return "".join(kept), found
