"""Norms and pairwise distances of synthetic samples, relative to the real ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mgd3_kedro.metrics.coverage import Neighbourhoods


def measure_norm_ratio(samples: Neighbourhoods) -> float:
    """Return the mean norm of synthetic features over that of real ones; NaN if the latter is 0.

    Averages of many images have less than 1, because the differences between images cancel out.
    """
    return _ratio(
        float(np.linalg.norm(samples.synthetic, axis=1).mean()),
        float(np.linalg.norm(samples.real, axis=1).mean()),
    )


def measure_pairwise_ratio(samples: Neighbourhoods) -> float:
    """Return the distance between two synthetic samples over that between two real ones.

    Distances are root mean squares over all pairs of the class. The ratio is NaN if a set has only
    one sample, or all real samples are equal.
    """
    return _ratio(_pairwise(samples.synthetic), _pairwise(samples.real))


def _pairwise(points: NDArray[np.float64]) -> float:
    if len(points) < 2:
        return float("nan")
    # The mean over pairs of |x - y|^2 is twice the variance.
    return float(np.sqrt(2 * np.square(points - points.mean(0)).sum() / (len(points) - 1)))


def _ratio(value: float, reference: float) -> float:
    return value / reference if reference > 0 else float("nan")
