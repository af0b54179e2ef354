"""The states of the points, in files that outlive the sweep."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from mgd3_kedro.durable import write_text
from mgd3_kedro.points import DONE, FACTS, PENDING, POINT, STATES, STEPS
from mgd3_kedro.sweep.plan import Point


class States:
    """One row per point, in a file of its sweep that is written anew whenever one changes.

    A point that was done with other code or parameters is pending, and so is a single run after
    pending ones of its list.

    Args:
        root: Holds a folder for every sweep.
        points: Of one sweep, and of those that it is made of.

    Raises:
        ValueError: If a file has other points than these.
    """

    def __init__(self, root: Path, points: Sequence[Point]) -> None:
        self._root = root
        self._points = points
        self.sweeps = list(dict.fromkeys(point.part.sweep for point in points))
        self._files: dict[Path, dict[str, dict[str, Any]]] = {}
        kept = {path: _read(path) for path in dict.fromkeys(map(self._path, points))}
        open_parts: set[int] = set()
        for point in points:
            path, stamp = self._path(point), point.stamp
            known = kept[path].pop(point.name, {})
            facts = {fact: known.get(fact) or "" for fact in FACTS}
            before = range(point.number - point.part.follows, point.number)
            is_after = not point.part.over and not open_parts.isdisjoint(before)
            if facts["stamp"] != stamp or facts["status"] != DONE or is_after:
                facts |= {"status": PENDING, "stamp": stamp}
                open_parts.add(point.number)
            row = {POINT: point.name, **point.values, **facts}
            self._files.setdefault(path, {})[point.name] = row
        for path, lost in kept.items():
            if lost:
                raise ValueError(
                    f"{path.parent.name}: expected all points that a sweep of this name has "
                    f"already, and any others, got none called {min(lost)}; give all earlier "
                    f"values too or another --name, or remove {path.parent}"
                )

    def folder(self, point: Point) -> Path:
        """Return where logs and states of a point are."""
        return self._root / point.part.sweep

    def log(self, point: Point) -> Path:
        """Return the file for what the run of a point prints."""
        return self.folder(point) / f"{point.name}.log"

    def label(self, point: Point) -> str:
        """Return what a point is called beside all others."""
        return f"{point.part.sweep}/{point.name}" if len(self.sweeps) > 1 else point.name

    def with_status(self, status: str) -> list[Point]:
        """Return the points of a status, in order."""
        return [point for point in self._points if self.fact(point, "status") == status]

    def fact(self, point: Point, fact: str) -> str:
        """Return what is known of a point."""
        return str(self._files[self._path(point)][point.name][fact])

    def record(self, point: Point, **facts: Any) -> None:
        """Note facts of a point."""
        self._files[self._path(point)][point.name] |= facts
        self.write(self._path(point))

    def write(self, *paths: Path) -> None:
        """Write some files, or all, each as a whole or not at all."""
        for path in paths or self._files:
            rows = self._files[path].values()
            axes = dict.fromkeys(key for row in rows for key in row if key not in (POINT, *FACTS))
            text = io.StringIO(newline="")
            table = csv.DictWriter(text, [POINT, *axes, *FACTS])
            table.writeheader()
            table.writerows(rows)
            write_text(path, text.getvalue())

    def _path(self, point: Point) -> Path:
        return self.folder(point) / (STATES if point.part.over else STEPS)


def _read(path: Path) -> dict[str, dict[str, str]]:
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        rows: Iterable[dict[str, str]] = csv.DictReader(file)
        return {row[POINT]: row for row in rows if row.get(POINT)}
