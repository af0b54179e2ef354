"""Measurements over the values of one knob, sorted into lines for drawing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mgd3_kedro.counting import count
from mgd3_kedro.figures.columns import check_columns
from mgd3_kedro.result_columns import RUN_KEYS

if TYPE_CHECKING:
    import pandas as pd

REPEATED = ("method", "seed")
"""Columns that do not separate lines of a method: the method itself, and the seed, over which is
averaged."""
LINE_KEYS = tuple(key for key in RUN_KEYS if key not in REPEATED)
"""Columns with one value for all points of a line, besides the method and the knob."""

SPREAD, SPACING = 0.6, 0.12
DEVIATION, GIVEN = "mean ± population standard deviation", "low to high, as given with the mean"


@dataclass(frozen=True)
class SweepLine:
    """Line of one method with all settings fixed except the knob.

    Args:
        label: The method, and the settings that distinguish the line from others.
        method: Name of the method.
        rank: Number of the line among those of its method.
        points: Measure -> (P, 4): position on the axis of the knob, mean, low and high (NaN for a
            single training), sorted by position.
    """

    label: str
    method: str
    rank: int
    points: Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Sweep:
    """All lines of a figure.

    Args:
        values: Values of the knob: rising numbers, which are their own positions on the axis, or
            categories at the positions 0, 1, ... in the order of the rows.
        is_numeric: Whether the values are numbers.
        measures: Names of the measures, one panel each.
        lines: Lines, in the order of the rows.
        notes: Sentences on what bands are, and on what is left out.
    """

    values: tuple[Any, ...]
    is_numeric: bool
    measures: tuple[str, ...]
    lines: tuple[SweepLine, ...]
    notes: tuple[str, ...]

    @property
    def shifts(self) -> list[float]:
        """Sideways shift of each line, so that points of a category do not hide each other."""
        places = [
            place for line in self.lines for place in set(line.points[self.measures[0]][:, 0])
        ]
        if self.is_numeric or len(set(places)) == len(places):
            return [0.0] * len(self.lines)
        spacing = min(SPACING, SPREAD / len(self.lines))
        return [spacing * (place - (len(self.lines) - 1) / 2) for place in range(len(self.lines))]


def collect_sweep(
    rows: pd.DataFrame,
    knob: str,
    headline: str,
    further: Sequence[str] = (),
    axes: Sequence[str] = (),
) -> Sweep:
    """Sort rows into lines, and average the rows of each point to a mean with a band.

    Lines differ in the method, in what identifies a run, or in one of `axes`. A measure is read
    from the columns MEASURE_mean, MEASURE_low and MEASURE_high if they exist; MEASURE_std may
    replace the last two. Otherwise it is averaged over the rows of a point.

    Args:
        rows: One per training, or one per point.
        knob: The column that varies.
        headline: The first measure.
        further: More measures; those that the rows lack are left out.
        axes: More columns in which lines may differ.

    Raises:
        ValueError: If there is no row, no column or no value of knob or headline, or a point has
            several rows with means.
    """
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    check_columns("rows", rows, ("method", knob))
    if not _is_measured(rows, headline):
        raise ValueError(f"rows: expected a column {headline} or {headline}_mean, got {list(rows)}")
    known = rows[rows[knob].notna()]
    if known.empty:
        raise ValueError(f"rows: expected at least one with a {knob}, got {len(rows)} without")
    is_numeric = is_numeric_dtype(known[knob]) and not is_bool_dtype(known[knob])
    values = tuple(sorted(set(known[knob])) if is_numeric else dict.fromkeys(known[knob]))
    places = values if is_numeric else range(len(values))
    measures = (headline, *(name for name in further if _is_measured(rows, name)))
    points = _Points(knob, dict(zip(values, places, strict=True)))
    lines = _sort_into_lines(known, knob, measures, points, axes)
    if not any(len(line.points[headline]) for line in lines):
        raise ValueError(f"rows: expected at least one value of {headline}, got none")
    unplaced = len(rows) - len(known)
    left_out = [f"left out: {count(unplaced, 'row')} without {knob}"] if unplaced else []
    return Sweep(values, is_numeric, measures, lines, (*left_out, *points.note()))


class _Points:
    """Averages the rows of points, and collects notes about them."""

    def __init__(self, knob: str, places: Mapping[Any, float]) -> None:
        self.knob = knob
        self.places = places
        self.bands: dict[str, dict[str, None]] = {}
        self.missing: Counter[str] = Counter()

    def measure(self, rows: pd.DataFrame, measure: str) -> NDArray[np.float64]:
        """Return the points (P, 4) of a line."""
        found = []
        for value, point in rows.groupby(self.knob, sort=False):
            given = f"{measure}_mean" in point
            mean, low, high = (self._read if given else self._average)(point, measure)
            if np.isfinite(mean):
                found.append((self.places[value], mean, low, high))
            if np.isfinite(mean) and np.isfinite(low):
                kind = GIVEN if f"{measure}_low" in point and given else DEVIATION
                self.bands.setdefault(kind, {})[measure] = None
        return np.array(sorted(found), dtype=np.float64).reshape(-1, 4)

    def note(self) -> list[str]:
        """Return a sentence per kind of band, and per measure that is missing in rows."""
        bands = [f"band of {', '.join(names)}: {kind}" for kind, names in self.bands.items()]
        missing = [
            f"left out: {count(number, 'row')} without {measure}"
            for measure, number in self.missing.items()
            if number
        ]
        return [*missing, *bands]

    def _read(self, point: pd.DataFrame, measure: str) -> tuple[float, float, float]:
        if len(point) > 1:
            raise ValueError(
                f"rows: expected one mean of {measure} per line and {self.knob}, got {len(point)} "
                f"at {point[self.knob].iloc[0]}"
            )
        mean, low, high, std = (
            float(point[f"{measure}_{kind}"].iloc[0]) if f"{measure}_{kind}" in point else np.nan
            for kind in ("mean", "low", "high", "std")
        )
        self.missing[measure] += int(np.isnan(mean))
        if f"{measure}_low" not in point:
            low, high = mean - std, mean + std
        return mean, low, high

    def _average(self, point: pd.DataFrame, measure: str) -> tuple[float, float, float]:
        values = point[measure].dropna().to_numpy(float)
        self.missing[measure] += len(point) - len(values)
        mean = values.mean() if len(values) else np.nan
        std = values.std() if len(values) > 1 else np.nan
        return float(mean), float(mean - std), float(mean + std)


def _sort_into_lines(
    rows: pd.DataFrame,
    knob: str,
    measures: Sequence[str],
    points: _Points,
    axes: Sequence[str],
) -> tuple[SweepLine, ...]:
    keys = dict.fromkeys((*LINE_KEYS, *axes))
    differing = _find_differing(rows, [key for key in keys if key not in (knob, *REPEATED)])
    # A label names only settings that identify a run, or that differ between lines of its method.
    told_of = {
        method: [key for key in differing if key in RUN_KEYS or key in _find_differing(own, axes)]
        for method, own in rows.groupby("method", sort=False)
    }
    lines: list[SweepLine] = []
    ranks: Counter[str] = Counter()
    for about, part in rows.groupby(["method", *differing], sort=False, dropna=False):
        method = str(about[0])
        chosen = zip(differing, about[1:], strict=True)
        told = (_tell(key, value) for key, value in chosen if key in told_of[method])
        lines.append(
            SweepLine(
                ", ".join((method, *told)),
                method,
                ranks[method],
                {measure: points.measure(part, measure) for measure in measures},
            )
        )
        ranks[method] += 1
    return tuple(lines)


def _find_differing(rows: pd.DataFrame, keys: Iterable[str]) -> list[str]:
    return [key for key in keys if key in rows and rows[key].nunique(dropna=False) > 1]


def _tell(key: str, value: Any) -> str:
    if value is None or value != value:
        return f"no {key}"
    if key == "network":
        return str(value)
    return f"{key} {value:g}" if isinstance(value, Real) else f"{key} {value}"


def _is_measured(rows: pd.DataFrame, measure: str) -> bool:
    return measure in rows or f"{measure}_mean" in rows
