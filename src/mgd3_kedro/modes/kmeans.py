"""k-means, on latents or on fewer coordinates of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from mgd3_kedro.modes.clusters import Clusters, flatten, gather_clusters, squared_distances
from mgd3_kedro.modes.lloyd import run_kmeans
from mgd3_kedro.modes.reduction import (
    pooled_coordinates,
    principal_coordinates,
    span_coordinates,
)
from mgd3_kedro.modes.sizes import least_members, repair_sizes

if TYPE_CHECKING:
    from mgd3_kedro.modes.settings import ModesConfig


def find_kmeans(latents: torch.Tensor, config: ModesConfig) -> Clusters:
    """Take the centroids of k-means.

    Clusters do not nest: another number of images needs another run of k-means.

    Args:
        latents: (N, C, H, W), scaled.
        config: `ipc`, `n_init`, `random_state`, `min_members`.

    Source: MGD3 (arXiv 2505.18963), section 3.1.
    """
    points = flatten(latents)
    coordinates = span_coordinates(points)
    labels, centres = _cluster(coordinates, config)
    return gather_clusters(points, labels, config.ipc, centres if coordinates is points else None)


def find_kmeans_pooled(latents: torch.Tensor, config: ModesConfig) -> Clusters:
    """Take the means of the clusters that k-means finds in average-pooled latents.

    Pooling keeps layout and removes texture, which differs most between images.

    Args:
        latents: (N, C, H, W), scaled.
        config: `ipc`, `n_init`, `random_state`, `pool`, `min_members`.
    """
    return _find_in(pooled_coordinates(latents, config.pool), latents, config)


def find_kmeans_pooled_closest(latents: torch.Tensor, config: ModesConfig) -> Clusters:
    """Take the real latents nearest to the centroids of k-means in average-pooled latents.

    Real latents have the detail that means lack. Distances are between pooled latents, and each
    mode is a member of its cluster.

    Args:
        latents: (N, C, H, W), scaled.
        config: `ipc`, `n_init`, `random_state`, `pool`, `min_members`.
    """
    coordinates = pooled_coordinates(latents, config.pool)
    found = _find_in(coordinates, latents, config)
    nearest = []
    for cluster in range(config.ipc):
        members = np.flatnonzero(found.labels == cluster)
        of_cluster = coordinates[members]
        to_mean = squared_distances(of_cluster, of_cluster.mean(0, keepdims=True))[:, 0]
        nearest.append(members[to_mean.argmin()])
    return Clusters(found.labels, flatten(latents)[nearest], found.was_empty)


def find_kmeans_pca(latents: torch.Tensor, config: ModesConfig) -> Clusters:
    """Take the means of the clusters that k-means finds in the first principal components.

    Args:
        latents: (N, C, H, W), scaled.
        config: `ipc`, `n_init`, `random_state`, `components`, `min_members`.

    Source: Ding and He, K-means clustering via principal component analysis, ICML 2004.
    """
    return _find_in(principal_coordinates(flatten(latents), config.components), latents, config)


def _find_in(coordinates: np.ndarray, latents: torch.Tensor, config: ModesConfig) -> Clusters:
    labels, _ = _cluster(span_coordinates(coordinates), config)
    return gather_clusters(flatten(latents), labels, config.ipc)


def _cluster(coordinates: np.ndarray, config: ModesConfig) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the cluster of each point, (N,), and the centroids; None if clusters were repaired."""
    fitted = run_kmeans(coordinates, config.ipc, config.n_init, config.random_state)
    labels: np.ndarray = fitted.labels_
    least = least_members(config, len(coordinates))
    if least <= np.bincount(labels, minlength=config.ipc).min():
        return labels, fitted.cluster_centers_
    return repair_sizes(coordinates, labels, least, config), None
