"""Diversity and representativeness of the synthetic samples of one class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mgd3_kedro.checks import check_range
from mgd3_kedro.metrics.coverage import Neighbourhoods
from mgd3_kedro.metrics.distances import (
    Features,
    check_features,
    measure_radii,
    measure_to_nearest,
)

REPRESENTATIVENESS_NEIGHBOURS = 50


def score_diversity(synthetic: Features) -> NDArray[np.float64]:
    """Return the distance from each sample to its nearest other sample of the class.

    Args:
        synthetic: (M, D), the synthetic features of one class.

    Returns:
        (M,), large is diverse; 0 for duplicates, NaN where M is 1 (there is no other sample).

    Raises:
        ValueError: If `synthetic` is not finite (M, D).

    Source: arXiv 2505.18963, Figures 3, 6, 7 and Table 9.
    """
    (synthetic,) = check_features({"synthetic": synthetic})
    return measure_radii(synthetic, 1)


def score_representativeness(
    real: Features, synthetic: Features, neighbours: int = REPRESENTATIVENESS_NEIGHBOURS
) -> NDArray[np.float64]:
    """Return the mean distance from each synthetic sample to its nearest real samples.

    With one neighbour, a copy of the real data has the best possible value, 0. With more
    neighbours, it is only better than samples far from the data: in many dimensions, the class mean
    is nearer to all samples than these are to each other, so a collapsed set scores well. Read this
    score together with diversity.

    Args:
        real: (N, D), the real features of the class.
        synthetic: (M, D), the synthetic ones.
        neighbours: Number of nearest real samples to average over; N where there are fewer.

    Returns:
        (M,), small is representative.

    Raises:
        ValueError: If features are not finite (N, D) and (M, D), or `neighbours` is below 1.

    Source: arXiv 2505.18963, Figures 3, 6, 7 and Table 9 (50 neighbours).
    """
    check_range("neighbours", neighbours, 1)
    real, synthetic = check_features({"real": real, "synthetic": synthetic})
    count = min(neighbours, len(real))
    return measure_to_nearest(synthetic, real, count).mean(axis=1)


def normalise_jointly(
    scores: Mapping[str, NDArray[Any]], *, smaller_is_better: bool = False
) -> dict[str, NDArray[np.float64]]:
    """Min-max normalise the scores of one class, over all compared methods together.

    Args:
        scores: Method -> scores of its samples, (M,); M may differ between methods.
        smaller_is_better: Whether to return 1 - normalised, as representativeness is plotted.

    Returns:
        Method -> (M,) in [0, 1], 1 best. NaN stays NaN and is ignored for the range. If all scores
        are equal, all results are 0, or 1 if smaller is better.

    Source: arXiv 2505.18963, Figures 3, 6 and 7.
    """
    arrays = {method: np.asarray(values, dtype=np.float64) for method, values in scores.items()}
    known = [values[~np.isnan(values)] for values in arrays.values()]
    if not any(len(values) for values in known):
        return arrays
    pooled = np.concatenate(known)
    low, high = pooled.min(), pooled.max()
    span = high - low if high > low else 1.0
    normalised = {method: (values - low) / span for method, values in arrays.items()}
    if smaller_is_better:
        return {method: 1 - values for method, values in normalised.items()}
    return normalised


def measure_diversity(samples: Neighbourhoods) -> float:
    """Return the mean diversity of a class; NaN for a single synthetic sample.

    Source: arXiv 2505.18963, Table 9.
    """
    return float(score_diversity(samples.synthetic).mean())


def measure_representativeness(samples: Neighbourhoods) -> float:
    """Return the mean representativeness of a class, a distance: small is good.

    Source: arXiv 2505.18963, Table 9.
    """
    return float(score_representativeness(samples.real, samples.synthetic).mean())
