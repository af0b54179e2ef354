"""Diversity and representativeness of every class of every method, as points."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mgd3_kedro.counting import count
from mgd3_kedro.figures.columns import check_columns

if TYPE_CHECKING:
    import pandas as pd

DIVERSITY, REPRESENTATIVENESS = "diversity_normalised", "representativeness_normalised"
X_LABEL = "diversity, normalised distance to nearest other"
Y_LABEL = "representativeness, 1 − normalised\ndistance to 50 nearest real"


FAR_OUT = 3.0
"""Distance beyond the quartiles, in interquartile ranges, up to which points set the axes."""
MARGIN = 0.04


@dataclass(frozen=True)
class Frame:
    """The part of the plane that is drawn.

    Args:
        low: (2,), lower ends of the axes.
        high: (2,), upper ends of the axes.
    """

    low: NDArray[np.float64]
    high: NDArray[np.float64]

    @property
    def ranges(self) -> list[tuple[float, float]]:
        """First and last value of either axis, with a margin."""
        margins = MARGIN * (self.high - self.low)
        return [*zip((self.low - margins).tolist(), (self.high + margins).tolist(), strict=True)]

    def place(self, points: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Return points (L, 2) clipped to the frame, and which of them were outside, (L,)."""
        inside = np.clip(points, self.low, self.high)
        return inside, (inside != points).any(axis=1)


@dataclass(frozen=True)
class Trade:
    """Scores of the classes of one method.

    Args:
        points: (L, 2), diversity and representativeness of each class, in [0, 1].
        class_names: L names.
    """

    points: NDArray[np.float64]
    class_names: tuple[str, ...]

    @property
    def mean(self) -> NDArray[np.float64]:
        """Mean over the classes, (2,)."""
        return np.asarray(self.points.mean(axis=0))


def collect_trades(scores: pd.DataFrame) -> tuple[Mapping[str, Trade], list[str]]:
    """Average rows of one class and method, and leave out classes that lack a score.

    Args:
        scores: Columns `method`, `wnid`, `class_name` and the two normalised scores, in [0, 1].

    Returns:
        Method -> its classes, in the order of the rows; and a sentence per method on what was left
        out.

    Raises:
        ValueError: If a column is missing, a score lies outside [0, 1], or nothing is left.
    """
    axes = [DIVERSITY, REPRESENTATIVENESS]
    check_columns("scores", scores, ("method", "wnid", "class_name", *axes))
    values = scores[axes].to_numpy(float)
    if np.nanmin(values, initial=0) < 0 or np.nanmax(values, initial=1) > 1:
        raise ValueError(
            f"scores: expected normalised values in [0, 1], got {np.nanmin(values):g} to "
            f"{np.nanmax(values):g}"
        )
    trades, notes = {}, []
    for method, rows in scores.groupby("method", sort=False):
        classes = rows.groupby("wnid", sort=False).agg(
            {"class_name": "first", DIVERSITY: "mean", REPRESENTATIVENESS: "mean"}
        )
        known = classes.dropna(subset=axes)
        if missing := len(classes) - len(known):
            without = "a diversity or a representativeness"
            notes.append(f"left out: {count(missing, 'class')} of {method} without {without}")
        if len(known):
            trades[str(method)] = Trade(known[axes].to_numpy(float), tuple(known["class_name"]))
    if not trades:
        raise ValueError("scores: expected at least one class with both scores, got none")
    return trades, notes


def frame_trades(trades: Mapping[str, Trade]) -> tuple[Frame, list[str]]:
    """Return axes that are not widened by a few points far out.

    Both axes run from 0 to 1 if no point lies more than `FAR_OUT` interquartile ranges beyond the
    quartiles. Otherwise they end at the outermost points within that distance.

    Args:
        trades: Method -> its classes.

    Returns:
        The frame; and a sentence on the points outside, if there are any.

    Source: Tukey, Exploratory Data Analysis, 1977: outer fences.
    """
    points = np.concatenate([trade.points for trade in trades.values()])
    first, third = np.quantile(points, (0.25, 0.75), axis=0)
    reach = FAR_OUT * (third - first)
    is_near = (points >= first - reach) & (points <= third + reach)
    if is_near.all():
        return Frame(np.zeros(2), np.ones(2)), []
    near = np.where(is_near, points, np.nan)
    frame = Frame(np.nanmin(near, axis=0), np.nanmax(near, axis=0))
    outside = {name: int(frame.place(trade.points)[1].sum()) for name, trade in trades.items()}
    told = ", ".join(f"{number} of {name}" for name, number in outside.items() if number)
    return frame, [f"at the edge, hollow: classes further out ({told})"]
