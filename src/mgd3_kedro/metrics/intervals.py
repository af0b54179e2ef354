"""How sure a mean over few trainings is: the bootstrap."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mgd3_kedro.checks import check_count

Draws = NDArray[np.float64]


def bootstrap_means(
    values: Sequence[NDArray[np.float64]], resamples: int, generator: np.random.Generator
) -> Draws:
    """Return means of resamples: data sets are drawn first, then trainings within each.

    With one training per data set this is the ordinary bootstrap. With one data set only the
    trainings on it vary, and what another data set would change is not in the draws.

    Args:
        values: One array per data set, (trainings,), of any lengths above 0.
        resamples: R.
        generator: Source of randomness.

    Returns:
        (R,), means over all trainings of a resample.

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
    return np.where(kept, padded[drawn, within], 0.0).sum((1, 2)) / kept.sum((1, 2))


def percentile_interval(draws: Draws, confidence: float) -> tuple[float, float]:
    """Return the central interval that holds a share of the draws.

    Percentile intervals of very few trainings are somewhat too narrow.

    Args:
        draws: (R,).
        confidence: The share, in (0, 1].

    Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13.
    """
    tail = (1 - confidence) / 2
    low, high = np.quantile(draws, (tail, 1 - tail))
    return float(low), float(high)


def find_best(
    means: Sequence[float], draws: Sequence[Draws | None], confidence: float
) -> list[bool]:
    """Tell which of several methods are the best as far as their trainings can tell.

    These are the one with the highest mean, and those whose difference to it has an interval that
    contains 0. What has no draws is never among them; nor is anything where nothing is compared, or
    where the highest mean has no draws.

    Args:
        means: One per method; NaN for none.
        draws: Means of resamples, (R,), of independent randomness; None for a single training.
        confidence: Of the interval, in (0, 1].
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
        low, _ = percentile_interval(best_draws - others, confidence)
        return low <= 0

    return [is_not_separated(place) for place in range(len(means))]
