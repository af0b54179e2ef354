"""Bootstrap intervals of means over few trainings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mgd3_kedro.checks import check_count


class Resampled(NamedTuple):
    """Means of bootstrap resamples.

    Args:
        means: (R,), float64.
        size: Number of values that were resampled: data sets, or trainings if there is only one
            data set. Intervals need at least 2.
    """

    means: NDArray[np.float64]
    size: int


def bootstrap_means(
    values: Sequence[NDArray[np.float64]], resamples: int, generator: np.random.Generator
) -> Resampled:
    """Return means of resamples: data sets are drawn first, then trainings within each.

    With one training per data set, this is the ordinary bootstrap. With one data set, only its
    trainings vary, and the variation between data sets is not included.

    Args:
        values: One array per data set, (trainings,), of any lengths above 0.
        resamples: R.
        generator: Source of randomness.

    Returns:
        Means over all trainings of each resample.

    Raises:
        ValueError: If there is no data set, or one without trainings.

    Source: Davison and Hinkley, Bootstrap Methods and their Application (1997), section 3.8.
    """
    check_count("resamples", resamples)
    counts = np.array([len(part) for part in values], dtype=np.int64)
    if not counts.all() or not len(counts):
        raise ValueError(f"values: expected trainings of every data set, got {counts.tolist()}")
    padded = np.zeros((len(counts), counts.max()))
    for row, part in zip(padded, values, strict=True):
        row[: len(part)] = part
    drawn = generator.integers(len(counts), size=(resamples, len(counts)))[..., None]
    within = generator.integers(counts[drawn], size=(*drawn.shape[:2], counts.max()))
    kept = np.arange(counts.max()) < counts[drawn]
    means = np.where(kept, padded[drawn, within], 0.0).sum((1, 2)) / kept.sum((1, 2))
    return Resampled(means, len(counts) if len(counts) > 1 else int(counts[0]))


def interval_of(resampled: Resampled, confidence: float) -> tuple[float, float]:
    """Return the central confidence interval of a mean, widened because the values are few.

    Percentiles of resamples of n values are too close to their mean. Resamples have only (n - 1) /
    n of the variance, and they ignore that the variance itself is uncertain. So the distances of
    the percentiles from the mean are multiplied by two factors. For normal values, the result is
    Student's interval.

    Args:
        resampled: Means of resamples of at least 2 values.
        confidence: Confidence level, in (0, 1).

    Source: Hesterberg, What Teachers Should Know about the Bootstrap (arXiv 1411.5279), which
    expands the percentile levels by the same two factors; with 2 or 3 values, no level is far
    enough.
    """
    return _percentiles(_with_whole_variance(resampled), resampled.size - 1, confidence)


def interval_of_difference(
    one: Resampled, other: Resampled, confidence: float
) -> tuple[float, float]:
    """Return the interval of the difference of two independent means, see `interval_of`.

    Source: Welch (Biometrika 34, 1947), for the degrees of freedom.
    """
    spread, others = _with_whole_variance(one), _with_whole_variance(other)
    parts = spread.var(), others.var()
    total = sum(parts)
    doubts = [part**2 / (of.size - 1) for part, of in zip(parts, (one, other), strict=True)]
    freedom = total**2 / sum(doubts) if total else 1.0
    return _percentiles(spread - others, freedom, confidence)


def _with_whole_variance(resampled: Resampled) -> NDArray[np.float64]:
    center, size = resampled.means.mean(), resampled.size
    return center + math.sqrt(size / (size - 1)) * (resampled.means - center)


def _percentiles(
    means: NDArray[np.float64], freedom: float, confidence: float
) -> tuple[float, float]:
    from scipy.stats import norm, t  # type: ignore[import-untyped]

    tail, center = (1 - confidence) / 2, means.mean()
    wider = t.ppf(1 - tail, freedom) / norm.ppf(1 - tail)
    low, high = center + wider * (np.quantile(means, (tail, 1 - tail)) - center)
    return float(low), float(high)


def accuracy_interval(resampled: Resampled, confidence: float) -> tuple[float, float]:
    """Return the interval of an accuracy in percent, clipped to 0..100, see `interval_of`."""
    low, high = interval_of(resampled, confidence)
    return max(low, 0.0), min(high, 100.0)


def find_best(
    means: Sequence[float], draws: Sequence[Resampled | None], confidence: float
) -> list[bool]:
    """Return which methods are best, or cannot be distinguished from the best.

    These are the method with the highest mean, and those whose difference to it has an interval
    that contains 0. Methods without draws are never among them. No method is, if fewer than two
    have a mean, or if the one with the highest mean has no draws.

    Args:
        means: Mean of each method; NaN for none.
        draws: Resampled means of each method, drawn independently; None for a single training.
        confidence: Confidence level of the interval, in (0, 1).
    """
    known = [place for place, mean in enumerate(means) if not np.isnan(mean)]
    if len(known) < 2:
        return [False] * len(means)
    best = max(known, key=lambda place: means[place])
    best_draws = draws[best]
    if best_draws is None:
        return [False] * len(means)

    def is_not_separated(place: int) -> bool:
        others = draws[place]
        if place == best or others is None or place not in known:
            return place == best
        low, _ = interval_of_difference(best_draws, others, confidence)
        return low <= 0

    return [is_not_separated(place) for place in range(len(means))]
