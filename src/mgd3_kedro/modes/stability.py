"""Stability of clusters: whether k-means finds the same ones from different seeds."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np
import torch

from mgd3_kedro.modes.clusters import flatten
from mgd3_kedro.modes.lloyd import run_kmeans
from mgd3_kedro.modes.reduction import (
    pooled_coordinates,
    principal_coordinates,
    span_coordinates,
    standardise,
)

if TYPE_CHECKING:
    from mgd3_kedro.modes.settings import ModesConfig

SEEDS = 3
MOST_POINTS, POINTS_PER_MODE = 256, 8
"""Most latents that are clustered again: in total, or per mode if that is more."""


def finder_coordinates(latents: torch.Tensor, config: ModesConfig) -> np.ndarray:
    """Return latents (N, C, H, W) as the points (N, D) that their mode finder clusters."""
    coordinates = COORDINATES.get(config.mode_finder)
    return flatten(latents) if coordinates is None else coordinates(latents, config)


def explained_variance(points: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of the variance of points (N, D) that is between clusters, 0..1.

    Args:
        points: (N, D); points of no cluster do not count.
        labels: (N,), the cluster of each point, -1 for none.
    """
    points, labels = points[labels >= 0], labels[labels >= 0]
    _, labels = np.unique(labels, return_inverse=True)
    sums = np.zeros((labels.max() + 1, points.shape[1]))
    np.add.at(sums, labels, points)
    means = sums / np.bincount(labels)[:, None]
    total = np.square(points - points.mean(0)).sum()
    return 1 - float(np.square(points - means[labels]).sum() / total) if total > 0 else 0.0


def agreement_of_seeds(points: np.ndarray, config: ModesConfig) -> float:
    """Return how similar the clusters are that k-means finds from different seeds.

    To save time, only some of the points are used, evenly spaced, with one start per seed.

    Args:
        points: (N, D).
        config: `ipc`, `random_state`.

    Returns:
        Mean adjusted Rand index of all pairs of three seeds: 1 for equal clusters, 0 for chance.

    Source: Hubert and Arabie, Comparing partitions, 1985.
    """
    from sklearn.metrics import adjusted_rand_score

    most = max(MOST_POINTS, POINTS_PER_MODE * config.ipc)
    if len(points) > most:
        points = points[np.linspace(0, len(points) - 1, most).astype(int)]
    points = span_coordinates(points)
    found = [
        run_kmeans(points, config.ipc, 1, (config.random_state + seed) % 2**32).labels_
        for seed in range(SEEDS)
    ]
    return fmean(float(adjusted_rand_score(*pair)) for pair in combinations(found, 2))


def _on_a_grid(latents: torch.Tensor, config: ModesConfig) -> np.ndarray:
    return pooled_coordinates(latents, config.pool)


def _in_components(latents: torch.Tensor, config: ModesConfig) -> np.ndarray:
    return principal_coordinates(flatten(latents), config.components)


def _in_standard_components(latents: torch.Tensor, config: ModesConfig) -> np.ndarray:
    return principal_coordinates(standardise(flatten(latents)), config.components)


COORDINATES: dict[str, Callable[[torch.Tensor, ModesConfig], np.ndarray]] = {
    "gmm": _in_components,
    "hdbscan": _in_standard_components,
    "kmeans_pca": _in_components,
    "kmeans_pooled": _on_a_grid,
    "kmeans_pooled_closest": _on_a_grid,
}
"""Mode finder -> function that gives the points it clusters, if these are not the latents."""
