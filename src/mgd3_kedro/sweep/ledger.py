"""The states of the points, in a file that outlives the sweep."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mgd3_kedro.points import DONE, FACTS, PENDING, POINT


class Ledger:
    """One row per point, written anew whenever one changes.

    Args:
        path: The CSV file.
        points: Name -> values by their keys.
        stamp: Differs if code or configuration are others; a point that was done with another one
            is not done.

    Raises:
        ValueError: If the file has other points than these.
    """

    def __init__(self, path: Path, points: Mapping[str, Mapping[str, Any]], stamp: str) -> None:
        self._path = path
        kept = _read(path)
        if lost := sorted(kept.keys() - points.keys()):
            raise ValueError(
                f"{path.parent.name}: expected all points that a sweep of this name has already, "
                f"and any others, got none called {lost[0]}; give --over in that order with "
                "all earlier values, or another --name"
            )
        self._keys = list(next(iter(points.values())))
        self._rows: dict[str, dict[str, Any]] = {}
        for name, values in points.items():
            facts = {fact: kept.get(name, {}).get(fact) or "" for fact in FACTS}
            if facts["stamp"] != stamp or facts["status"] != DONE:
                facts |= {"status": PENDING, "stamp": stamp}
            self._rows[name] = {POINT: name, **values, **facts}

    def with_status(self, status: str) -> list[str]:
        """Return the names of the points of a status, in order."""
        return [name for name, row in self._rows.items() if row["status"] == status]

    def fact(self, name: str, fact: str) -> str:
        """Return what is known of a point."""
        return str(self._rows[name][fact])

    def record(self, name: str, **facts: Any) -> None:
        """Note facts of a point."""
        self._rows[name] |= facts
        self.write()

    def write(self) -> None:
        """Write the file, whole or not at all."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_suffix(".partial")
        with fresh.open("w", encoding="utf-8", newline="") as file:
            table = csv.DictWriter(file, [POINT, *self._keys, *FACTS])
            table.writeheader()
            table.writerows(self._rows.values())
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)


def _read(path: Path) -> dict[str, dict[str, str]]:
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        rows: Iterable[dict[str, str]] = csv.DictReader(file)
        return {row[POINT]: row for row in rows if row.get(POINT)}
