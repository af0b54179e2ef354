"""Fidelity and coverage by nearest-neighbour balls: precision, recall, density, coverage.

In many dimensions, no single metric is enough: the docstrings below say what misleads each of them.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mgd3_kedro.checks import check_range
from mgd3_kedro.metrics.distances import (
    Features,
    check_features,
    find_inside,
    measure_radii,
)

BALL_NEIGHBOURS = 5


class Neighbourhoods:
    """Balls around the samples of one class; each reaches to its k-th nearest neighbour in its set.

    All metrics share the balls, which are computed once, when first needed. Balls are open, as in
    the released code of density and coverage, so that a copy of the real data has density 1. As a
    consequence, the ball of a sample that has k exact copies is empty.

    Args:
        real: (N, D), the real features of the class.
        synthetic: (M, D), the synthetic ones.
        neighbours: k; N - 1 or M - 1 where a set is smaller.
        real_radii: (N,), radii of the real balls, as returned by `measure_radii` for these samples;
            None to compute them when first needed.

    Raises:
        ValueError: If features are not finite (N, D) and (M, D), `real_radii` is not (N,), or
            `neighbours` is below 1.

    Source: arXiv 1904.06991, section 2 (precision, recall); arXiv 2002.09797, section 4.2.
    """

    def __init__(
        self,
        real: Features,
        synthetic: Features,
        neighbours: int = BALL_NEIGHBOURS,
        real_radii: NDArray[np.float64] | None = None,
    ) -> None:
        check_range("neighbours", neighbours, 1)
        self.real, self.synthetic = check_features({"real": real, "synthetic": synthetic})
        self.neighbours = neighbours
        if real_radii is not None and real_radii.shape != (len(self.real),):
            raise ValueError(f"real_radii: expected ({len(self.real)},), got {real_radii.shape}")
        self._real_radii = real_radii

    @cached_property
    def inside_real(self) -> NDArray[np.bool_]:
        """Whether a synthetic sample lies in a real sample's ball, (M, N)."""
        radii = self._real_radii
        if radii is None:
            radii = measure_radii(self.real, self.neighbours)
        return find_inside(self.synthetic, self.real, radii)

    @cached_property
    def inside_synthetic(self) -> NDArray[np.bool_]:
        """Whether a real sample lies in a synthetic sample's ball, (N, M)."""
        radii = measure_radii(self.synthetic, self.neighbours)
        return find_inside(self.real, self.synthetic, radii)

    @property
    def precision(self) -> float:
        """Share of synthetic samples in some real ball; NaN where N is 1 (arXiv 1904.06991).

        It is misleading where real outliers have wide balls. Samples near the class mean are in
        most of these.
        """
        return _share(self.inside_real.any(axis=1), len(self.real))

    @property
    def recall(self) -> float:
        """Share of real samples in some synthetic ball; NaN where M is 1 (arXiv 1904.06991).

        Do not trust it where precision is low: samples far from each other have wide balls, which
        hold everything, however far these samples are from the data. Small sets have wide balls,
        too: compare only sets of equal size.
        """
        return _share(self.inside_synthetic.any(axis=1), len(self.synthetic))

    @property
    def density(self) -> float:
        """Mean number of real balls around a synthetic sample, divided by k; NaN where N is 1.

        It is 1 on average for fresh real data, and may exceed 1 (arXiv 2002.09797).
        """
        balls = self.inside_real.sum(axis=1) / min(self.neighbours, max(1, len(self.real) - 1))
        return _share(balls, len(self.real))

    @property
    def coverage(self) -> float:
        """Share of real balls that hold a synthetic sample; NaN where N is 1 (arXiv 2002.09797).

        Samples far from the data do not raise it. But in many dimensions, a sample near the class
        mean is in most balls, so a collapsed set has high coverage. It is limited by the number of
        balls that M samples can reach: compare only sets of equal size.
        """
        return _share(self.inside_real.any(axis=0), len(self.real))

    @property
    def symmetric_recall(self) -> float:
        """The lesser of recall and coverage; NaN where N or M is 1 (after arXiv 2306.09618).

        What misleads one does not mislead the other: samples far from the data have no coverage,
        and a collapsed set has narrow balls and so no recall.
        """
        return float(np.minimum(self.recall, self.coverage))


def _share(values: ArrayLike, balls: int) -> float:
    return float(np.asarray(values, dtype=np.float64).mean()) if balls > 1 else float("nan")
