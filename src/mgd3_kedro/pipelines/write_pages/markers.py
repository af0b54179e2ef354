"""Where the tables of a page are."""

from __future__ import annotations

import re
from collections.abc import Mapping

from mgd3_kedro.checks import lookup

BEGIN = re.compile(r"<!-- table (.+) -->")
END = "<!-- end -->"


def replace_tables(text: str, tables: Mapping[str, str]) -> tuple[str, set[str]]:
    """Return a page with its tables written again, and their names; all else stays as it is.

    A table is what is between the lines `<!-- table NAME -->` and `<!-- end -->`.

    Args:
        text: The page.
        tables: Name -> its text.

    Raises:
        ValueError: If a table is not known, or one of two markers is missing.
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
