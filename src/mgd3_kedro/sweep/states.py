"""States of the points of sweeps, in files that are kept after the sweep."""

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
    """States of points: one row per point, in a file per sweep that is rewritten at every change.

    A point is pending if it was done with other code or parameters. A single run is also pending if
    an earlier run of its list is.

    Args:
        root: Folder that contains one folder per sweep.
        points: Points of a sweep, and of the sweeps in it.
        is_own_grid: Whether the sweep is a grid of the user's own, which may get another name.

    Raises:
        ValueError: If a file has points that are not among these.
    """

    def __init__(self, root: Path, points: Sequence[Point], *, is_own_grid: bool = False) -> None:
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
                rename = "give another --name, " if is_own_grid else ""
                raise ValueError(
                    f"{path.parent.name}: expected all earlier points of this sweep, with or "
                    f"without new ones, but the point {min(lost)} is missing; repeat all earlier "
                    f"values, {rename}or remove {path.parent}"
                )

    def folder(self, point: Point) -> Path:
        """Return the folder of a point's log and state."""
        return self._root / point.part.sweep

    def log(self, point: Point) -> Path:
        """Return the file for the output of a point's run."""
        return self.folder(point) / f"{point.name}.log"

    def label(self, point: Point) -> str:
        """Return a name of a point that is unique among all points."""
        return f"{point.part.sweep}/{point.name}" if len(self.sweeps) > 1 else point.name

    def with_status(self, status: str) -> list[Point]:
        """Return the points with this status, in order."""
        return [point for point in self._points if self.fact(point, "status") == status]

    def fact(self, point: Point, fact: str) -> str:
        """Return one recorded fact of a point."""
        return str(self._files[self._path(point)][point.name][fact])

    def record(self, point: Point, **facts: Any) -> None:
        """Record facts of a point."""
        self._files[self._path(point)][point.name] |= facts
        self.write(self._path(point))

    def write(self, *paths: Path) -> None:
        """Write some state files, or all of them, each atomically."""
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
