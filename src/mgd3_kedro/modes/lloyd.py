"""Lloyd's algorithm for k-means, from scikit-learn."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np


def run_kmeans(points: np.ndarray, count: int, n_init: int, random_state: int) -> Any:
    """Fit scikit-learn's k-means; with fewer distinct points than clusters, some stay empty.

    Args:
        points: (N, D).
        count: Number of clusters K.
        n_init: Starts, of which the best is kept.
        random_state: Seed of the initial centroids.

    Source: Lloyd, Least squares quantization in PCM, 1982; Arthur and Vassilvitskii, k-means++,
    SODA 2007.
    """
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        # The warning does not name the class with empty clusters; the stage does, with a count.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return KMeans(count, n_init=n_init, random_state=random_state).fit(points)


def halve(points: np.ndarray, n_init: int, random_state: int) -> np.ndarray:
    """Split points into two clusters, neither empty, and return a mask of the second.

    Args:
        points: (N, D), N > 1.
        n_init: Starts, of which the best is kept.
        random_state: Seed of the initial centroids.

    Returns:
        (N,), bool.
    """
    second: np.ndarray = run_kmeans(points, 2, n_init, random_state).labels_ == 1
    if not second.any():  # duplicates cannot be told apart by distance
        second[: len(second) // 2] = True
    return second
