"""Exact distances between feature vectors, in float64: searched by BLAS, measured by differences.

Expanding |x - y|^2 to |x|^2 - 2 xy + |y|^2 is many times faster than summing squared differences.
But it gives duplicates a distance slightly off 0, and makes ties depend on the block. So the
expanded squares only select the pairs that can matter, and the distances of these pairs are
computed from differences.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mgd3_kedro.checks import NotFiniteError

Features = NDArray[Any]
"""(N, D) or (M, D), any real dtype; converted to float64."""

ROWS_AT_ONCE, COLUMNS_AT_ONCE = 1024, 4096
NUMBERS_AT_ONCE = 2**23
"""Maximum number of differences in memory at once: 64 MB."""


def check_features(features: Mapping[str, Features]) -> list[NDArray[np.float64]]:
    """Check feature sets, and return them as float64.

    Args:
        features: Named sets, each (N, D) with N > 0 and one D for all.

    Raises:
        ValueError: If a set is not 2-D or is empty, or the widths differ.
        NotFiniteError: If a set holds NaN or infinity.
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


def measure_to_nearest(
    queries: NDArray[np.float64], references: NDArray[np.float64], count: int
) -> NDArray[np.float64]:
    """Return the distances from each query to its nearest references.

    Args:
        queries: (M, D).
        references: (N, D).
        count: Number of nearest references; at most N.

    Returns:
        (M, count), ascending; exactly 0 for a duplicate.
    """
    return _measure_ranks(queries, references, 0, count - 1)


def find_inside(
    samples: NDArray[np.float64], centres: NDArray[np.float64], radii: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Return which samples lie in which open balls.

    Args:
        samples: (M, D).
        centres: (N, D).
        radii: (N,); nothing lies in a ball whose radius is NaN.

    Returns:
        (M, N). A sample at exactly the radius, as measured here, lies outside.
    """
    squared = radii**2
    inside = []
    for block in _expand_squares(samples, centres):
        found = block.squares < squared
        doubtful = np.abs(block.squares - squared) <= block.errors
        rows, columns = np.nonzero(doubtful)
        found[rows, columns] = _measure(block.queries, centres, rows, columns) < radii[columns]
        inside.append(found)
    return np.concatenate(inside)


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
    return _measure_ranks(samples, samples, rank, rank)[:, 0]


class _Block(NamedTuple):
    """Approximate squared distances of some queries.

    Args:
        queries: (B, D).
        squares: (B, N).
        errors: (B, N), upper bounds of their errors.
    """

    queries: NDArray[np.float64]
    squares: NDArray[np.float64]
    errors: NDArray[np.float64]


def _expand_squares(
    queries: NDArray[np.float64], references: NDArray[np.float64]
) -> Iterator[_Block]:
    """Yield approximate squared distances in blocks of queries, which limits the memory."""
    # Sums of D products have a relative error below D times the precision; 8 leaves some room.
    bound = 8 * (references.shape[1] + 8) * np.finfo(np.float64).eps
    # Far from the origin, squares are large and their differences inaccurate, so subtract the mean.
    mean = references.mean(axis=0)
    for start in range(0, len(queries), ROWS_AT_ONCE):
        block = queries[start : start + ROWS_AT_ONCE]
        squares, products = (np.zeros((len(block), len(references))) for _ in range(2))
        for first in range(0, references.shape[1], COLUMNS_AT_ONCE):
            columns = slice(first, first + COLUMNS_AT_ONCE)
            moved, centred = (of[:, columns] - mean[columns] for of in (block, references))
            squares += np.square(moved).sum(axis=1)[:, None] + np.square(centred).sum(axis=1)
            products += moved @ centred.T
        yield _Block(block, squares - 2 * products, bound * squares)


def _measure_ranks(
    queries: NDArray[np.float64], references: NDArray[np.float64], first: int, last: int
) -> NDArray[np.float64]:
    """Return distances to the nearest references, from rank first (0 is nearest) to rank last."""
    found = []
    for block in _expand_squares(queries, references):
        low, high = block.squares - block.errors, block.squares + block.errors
        # The distance of a rank lies between that rank of all lower bounds and of all upper bounds.
        nearest = np.partition(low, first, axis=1)[:, first, None]
        farthest = np.partition(high, last, axis=1)[:, last, None]
        distances = np.where(high < nearest, -1.0, np.inf)
        rows, columns = np.nonzero((low <= farthest) & (high >= nearest))
        distances[rows, columns] = _measure(block.queries, references, rows, columns)
        ranks = np.partition(distances, (first, last), axis=1)[:, first : last + 1]
        found.append(np.sort(ranks, axis=1))
    return np.concatenate(found)


def _measure(
    queries: NDArray[np.float64],
    references: NDArray[np.float64],
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
) -> NDArray[np.float64]:
    """Return the distances of pairs, (P,); each is independent of the other pairs."""
    at_once = max(1, NUMBERS_AT_ONCE // queries.shape[1])
    distances = np.empty(len(rows))
    for start in range(0, len(rows), at_once):
        part = slice(start, start + at_once)
        differences = queries[rows[part]] - references[columns[part]]
        distances[part] = np.sqrt(np.square(differences).sum(axis=1))
    return distances
