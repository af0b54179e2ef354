"""k-means, on latents or on fewer coordinates of them."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from mgd3_kedro.modes.clusters import Clusters, flatten, gather_clusters
from mgd3_kedro.modes.reduction import (
    pooled_coordinates,
    principal_coordinates,
    span_coordinates,
)

if TYPE_CHECKING:
    from mgd3_kedro.modes.settings import ModesConfig


def find_kmeans(latents: torch.Tensor, config: ModesConfig) -> Clusters:
    """Take the centroids of k-means.

    Clusters do not nest: those for fewer images are found anew.

    Args:
        latents: (N, C, H, W), scaled.
        config: `ipc`, `n_init`, `random_state`.

    Source: MGD3 (arXiv 2505.18963), section 3.1.
    """
    points = flatten(latents)
    coordinates = span_coordinates(points)
    fitted = run_kmeans(coordinates, config.ipc, config.n_init, config.random_state)
    centres = fitted.cluster_centers_ if coordinates is points else None
    return gather_clusters(points, fitted.labels_, config.ipc, centres)


def find_kmeans_pooled(latents: torch.Tensor, config: ModesConfig) -> Clusters:
    """Take the means of the clusters that k-means finds in average-pooled latents.

    What is averaged is layout rather than texture, which differs most from image to image.

    Args:
        latents: (N, C, H, W), scaled.
        config: `ipc`, `n_init`, `random_state`, `pool`.
    """
    return _find_in(pooled_coordinates(latents, config.pool), latents, config)


def find_kmeans_pca(latents: torch.Tensor, config: ModesConfig) -> Clusters:
    """Take the means of the clusters that k-means finds in the first principal components.

    Args:
        latents: (N, C, H, W), scaled.
        config: `ipc`, `n_init`, `random_state`, `components`.

    Source: Ding and He, K-means clustering via principal component analysis, ICML 2004.
    """
    return _find_in(principal_coordinates(flatten(latents), config.components), latents, config)


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
        # It says that clusters are empty, not of which class; the stage counts them and does.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return KMeans(count, n_init=n_init, random_state=random_state).fit(points)


def halve(points: np.ndarray, n_init: int, random_state: int) -> np.ndarray:
    """Tell which points belong to the second of two clusters; both have members.

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


def _find_in(coordinates: np.ndarray, latents: torch.Tensor, config: ModesConfig) -> Clusters:
    coordinates = span_coordinates(coordinates)
    fitted = run_kmeans(coordinates, config.ipc, config.n_init, config.random_state)
    return gather_clusters(flatten(latents), fitted.labels_, config.ipc)
