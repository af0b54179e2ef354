"""Successive halving: the better half of the candidates goes on, to twice as many data sets."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from statistics import fmean
from typing import NamedTuple

FEWEST = 2
"""Minimum number of candidates kept, so that the winner always has another to compare with."""
MOST_DATA_SETS = 8
"""Maximum number of data sets per candidate; each is made and trained on with its own seed."""


class Lead(NamedTuple):
    """Lead of one candidate over another on the same data sets, in percentage points.

    Args:
        mean: Mean difference.
        low: Lower end of its 95 % interval; NaN for a single data set.
        high: Upper end.
        data_sets: Number of data sets that both have.
    """

    mean: float
    low: float
    high: float
    data_sets: int

    @property
    def is_decided(self) -> bool:
        """Whether the interval excludes 0."""
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
    """Return how many of the tried candidates go on, not counting the best of each kind."""
    return max(FEWEST, -(-tried // 2))


def survivors(scores: Mapping[str, Sequence[float]], kinds: Mapping[str, Hashable]) -> list[str]:
    """Return the better half and the best of every kind, the best first.

    Args:
        scores: Candidate -> accuracy on each of its data sets; candidates without any are out.
        kinds: Candidate -> its kind, such as keeping real images or generating new ones; the best
            of each kind is compared until the end.
    """
    ranked = rank(scores)
    best = {kinds[name]: name for name in reversed(ranked)}
    kept = {*ranked[: better_half(len(ranked))], *best.values()}
    return [name for name in ranked if name in kept]


def rank(scores: Mapping[str, Sequence[float]]) -> list[str]:
    """Return candidates sorted by number of data sets, then by mean accuracy, highest first.

    Args:
        scores: Candidate -> accuracy on each of its data sets; candidates without any are left out.
    """
    tried = [name for name, found in scores.items() if found]
    return sorted(tried, key=lambda name: (-len(scores[name]), -fmean(scores[name])))


def measure_lead(ours: Sequence[float], others: Sequence[float]) -> Lead:
    """Return the lead of one candidate over another on the data sets that both have.

    Args:
        ours: Accuracies in percent of the first candidate, in the order of data sets.
        others: Accuracies of the other candidate on the same data sets; one list may be shorter.

    Source: Student's t, two-sided, on the differences.
    """
    import numpy as np
    from scipy.stats import t  # type: ignore[import-untyped]

    differences = [one - other for one, other in zip(ours, others, strict=False)]
    count, mean = len(differences), fmean(differences)
    if count == 1:
        return Lead(mean, float("nan"), float("nan"), 1)
    wide = float(t.ppf(0.975, count - 1) * np.std(differences, ddof=1) / count**0.5)
    # Accuracies in percent differ by at most 100.
    return Lead(mean, max(mean - wide, -100.0), min(mean + wide, 100.0), count)
