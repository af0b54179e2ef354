"""Who goes on to the next round: the better half of those before, on twice the data sets."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from statistics import fmean
from typing import NamedTuple

FEWEST = 2
"""Candidates that are kept, so that the winner is compared with another to the end."""
MOST_DATA_SETS = 8
"""Of a candidate, each made and trained on with a seed of its own."""


class Lead(NamedTuple):
    """By how much one is ahead of another on the same data sets, in percentage points.

    Args:
        mean: The mean difference.
        low: Lower end of its 95 % interval; NaN for a single data set.
        high: Upper end.
        data_sets: That both have.
    """

    mean: float
    low: float
    high: float
    data_sets: int

    @property
    def is_decided(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.low > 0 or self.high < 0


def rounds() -> Iterator[range]:
    """Yield the seeds of the data sets that each round adds: 0; 1; 2, 3; 4 to 7.

    Source: successive halving, Jamieson and Talwalkar (arXiv 1502.07943).
    """
    first, last = 0, 1
    while last <= MOST_DATA_SETS:
        yield range(first, last)
        first, last = last, last * 2


def better_half(tried: int) -> int:
    """Return how many of those that were tried go on, but for the best of a kind beside them."""
    return max(FEWEST, -(-tried // 2))


def survivors(scores: Mapping[str, Sequence[float]], kinds: Mapping[str, Hashable]) -> list[str]:
    """Return the better half and the best of every kind, the best first.

    Args:
        scores: Candidate -> accuracy on each of its data sets; none: it is out.
        kinds: Candidate -> what is to be compared to the end: what keeps real images, what draws.
    """
    ranked = rank(scores)
    best = {kinds[name]: name for name in reversed(ranked)}
    kept = {*ranked[: better_half(len(ranked))], *best.values()}
    return [name for name in ranked if name in kept]


def rank(scores: Mapping[str, Sequence[float]]) -> list[str]:
    """Return candidates with those on most data sets first, and of these the best.

    Args:
        scores: Candidate -> accuracy on each of its data sets; those without any are left out.
    """
    tried = [name for name, found in scores.items() if found]
    return sorted(tried, key=lambda name: (-len(scores[name]), -fmean(scores[name])))


def measure_lead(ours: Sequence[float], others: Sequence[float]) -> Lead:
    """Return by how much one is ahead on the data sets that both have, the first ones.

    Args:
        ours: Accuracies in percent, in the order of data sets.
        others: The same of another.

    Source: Student's t, two-sided, on the differences.
    """
    import numpy as np
    from scipy.stats import t  # type: ignore[import-untyped]

    differences = [one - other for one, other in zip(ours, others, strict=False)]
    count, mean = len(differences), fmean(differences)
    if count == 1:
        return Lead(mean, float("nan"), float("nan"), 1)
    wide = float(t.ppf(0.975, count - 1) * np.std(differences, ddof=1) / count**0.5)
    # Of accuracies in percent no more than 100 can be between two.
    return Lead(mean, max(mean - wide, -100.0), min(mean + wide, 100.0), count)
