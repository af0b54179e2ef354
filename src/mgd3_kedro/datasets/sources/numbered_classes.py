"""Classes that are given by numbers, and the list of their names."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

NO_CLASS = ("", "-1")
"""Labels of images without a class."""


def listed_names(folder: Path) -> tuple[str, ...]:
    """Return the names in `classes.json`, in the order of their numbers; empty if there is none.

    It has a list of names or of rows with number and name, or an object of number -> name or row,
    or of name -> number.

    Raises:
        ValueError: If it has something else, or numbers are not 0, 1 ...
    """
    path = folder / "classes.json"
    if not path.is_file():
        return ()
    try:
        numbered = _numbered(json.loads(path.read_text(encoding="utf-8")))
        return distinct(tuple(map(numbered.__getitem__, range(len(numbered)))))
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise ValueError(
            f"{path}: expected a list of names, or of rows with label (0, 1 ...) and wnid or name, "
            "or an object of number and name"
        ) from error


def _numbered(content: Any) -> dict[int, str]:
    """Return number -> name of the content of `classes.json`."""
    if isinstance(content, Mapping):
        if all(isinstance(value, int) for value in content.values()):
            return {number: name for name, number in content.items()}
        return {int(number): _name_in(row) for number, row in content.items()}
    if all(isinstance(row, Mapping) for row in content):
        return {int(row.get("label", row.get("id"))): _name_in(row) for row in content}
    return dict(enumerate(map(_name_in, content)))


def _name_in(row: Any) -> str:
    if isinstance(row, Mapping):
        return str(row.get("wnid") or row.get("folder") or row["name"])
    return str(row if isinstance(row, str) else row[0])


def name_of_class(label: str, names: Sequence[str]) -> str:
    """Return the name of a class that is given by its name, or by its number as text.

    Args:
        label: Name or number.
        names: Names of the numbers; empty if there are none.

    Raises:
        ValueError: If a number has no name.
    """
    if not names or not label.isdecimal():
        return label
    if int(label) >= len(names):
        raise ValueError(f"expected numbers below {len(names)}, which have names, got {label}")
    return names[int(label)]


def distinct(names: Sequence[str]) -> tuple[str, ...]:
    """Add the number to class names that occur more than once."""
    return tuple(
        f"{name} ({number})" if names.count(name) > 1 else name for number, name in enumerate(names)
    )
