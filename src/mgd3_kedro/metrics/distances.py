"""Exact pairwise distances between feature vectors, in float64."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mgd3_kedro.checks import NotFiniteError

Features = NDArray[Any]
"""(N, D) or (M, D), any real dtype; computed with in float64."""

ROWS_AT_ONCE = 512


def check_features(features: Mapping[str, Features]) -> list[NDArray[np.float64]]:
    """Return feature sets as float64, refusing what cannot be compared.

    Args:
        features: Named sets, each (N, D) with N > 0 and one D for all.

    Raises:
        ValueError: If a set is not 2-D, is empty or holds NaN or infinity, or the widths differ.
    """
    checked = []
    for name, values in features.items():
        array = np.asarray(values, dtype=np.float64)
        if array.ndim != 2 or array.size == 0:
            raise ValueError(f"{name}: expected shape (N, D) with N, D > 0, got {array.shape}")
        broken = ~np.isfinite(array).all(axis=1)
        if broken.any():
            raise NotFiniteError(
                f"{name}: expected finite values, got {int(broken.sum())} of {len(array)} samples "
                f"with NaN or infinity, the first is image {int(broken.argmax())}; check what they "
                "were made by"
            )
        checked.append(array)
    widths = {name: array.shape[1] for name, array in zip(features, checked, strict=True)}
    if len(set(widths.values())) > 1:
        raise ValueError(f"expected features of one width D, got {widths}")
    return checked


def iterate_distances(
    queries: NDArray[np.float64], references: NDArray[np.float64]
) -> Iterator[NDArray[np.float64]]:
    """Yield blocks of rows of the (M, N) Euclidean distances, so that memory grows with N alone.

    Args:
        queries: (M, D).
        references: (N, D).
    """
    from sklearn.metrics import pairwise_distances

    for start in range(0, len(queries), ROWS_AT_ONCE):
        block = queries[start : start + ROWS_AT_ONCE]
        # "sqeuclidean" sums differences; the faster "euclidean" expands the square, which leaves
        # duplicates slightly apart and makes ties depend on the block.
        yield np.sqrt(pairwise_distances(block, references, metric="sqeuclidean"))


def measure_radii(samples: NDArray[np.float64], neighbours: int) -> NDArray[np.float64]:
    """Return the distance from each sample to its k-th nearest other sample of the same set.

    Args:
        samples: (N, D).
        neighbours: k; N - 1 where the set is smaller.

    Returns:
        (N,), NaN where N is 1: a lone sample has no neighbour.
    """
    if len(samples) < 2:
        return np.full(len(samples), np.nan)
    rank = min(neighbours, len(samples) - 1)
    # Rank 0 is the sample itself, or a duplicate of it at the same distance 0.
    blocks = iterate_distances(samples, samples)
    return np.concatenate([np.partition(block, rank, axis=1)[:, rank] for block in blocks])
