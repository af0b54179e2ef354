"""DBSCAN: density-connected clusters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from mgd3_kedro.modes.clusters import Clusters, flatten, gather_clusters
from mgd3_kedro.modes.lloyd import halve
from mgd3_kedro.modes.reduction import span_coordinates

if TYPE_CHECKING:
    from mgd3_kedro.modes.settings import ModesConfig

RADII = 24


def find_dbscan(latents: torch.Tensor, config: ModesConfig) -> Clusters:
    """Take the means of the largest density-connected clusters.

    The radius is searched between the smallest and the largest nearest-neighbour distance. The best
    radius gives the most clusters, up to `ipc`, and then the most latents in them. If there are
    fewer clusters than `ipc`, the largest are split by k-means, since every image needs a mode of
    its own.

    Args:
        latents: (N, C, H, W), scaled.
        config: `ipc`; `n_init` and `random_state` of the splits.

    Source: MGD3 (arXiv 2505.18963), Table 6; the search for the radius and the splits are ours.
    """
    from sklearn.cluster import DBSCAN
    from sklearn.neighbors import NearestNeighbors

    points = flatten(latents)
    coordinates = span_coordinates(points)
    neighbours = min(3, len(points) - 1) + 1
    near = NearestNeighbors(n_neighbors=neighbours).fit(coordinates)
    distances, _ = near.kneighbors(coordinates)
    reach = distances[:, -1]
    best = np.full(len(points), -1)
    best_score = (-1, -1)
    for radius in np.linspace(reach.min(), reach.max(), RADII):
        density = DBSCAN(eps=max(float(radius), 1e-12), min_samples=neighbours)
        labels = density.fit_predict(coordinates)
        kept = keep_largest(labels, config.ipc)
        score = (int(kept.max()) + 1, int((kept >= 0).sum()))
        if score > best_score:
            best, best_score = kept, score
    return gather_clusters(points, split_largest(coordinates, best, config), config.ipc)


def keep_largest(labels: np.ndarray, count: int) -> np.ndarray:
    """Renumber the largest clusters 0.. by size; everything else becomes -1.

    Args:
        labels: (N,), the cluster of each latent, -1 for none.
        count: Most clusters to keep.

    Returns:
        (N,), the new cluster of each latent, -1 for none.
    """
    names, sizes = np.unique(labels[labels >= 0], return_counts=True)
    kept = np.full_like(labels, -1)
    for rank, position in enumerate(np.argsort(-sizes, kind="stable")[:count]):
        kept[labels == names[position]] = rank
    return kept


def split_largest(points: np.ndarray, labels: np.ndarray, config: ModesConfig) -> np.ndarray:
    """Halve the largest cluster until there are `ipc` clusters.

    Args:
        points: (N, D).
        labels: (N,), the cluster of each point, 0.. without a gap, -1 for none. If there are no
            clusters, all points start as one.
        config: `ipc`; `n_init` and `random_state` of k-means.

    Returns:
        (N,), the new cluster of each point, -1 for none.
    """
    labels = labels.copy()
    if labels.max() < 0:
        labels[:] = 0
    for new in range(labels.max() + 1, config.ipc):
        if np.bincount(labels[labels >= 0]).max() < 2:
            # Nothing is left to halve: a latent that DBSCAN or HDBSCAN called noise becomes a mode.
            labels[np.flatnonzero(labels < 0)[0]] = new
            continue
        members = np.flatnonzero(labels == np.bincount(labels[labels >= 0]).argmax())
        second = halve(points[members], config.n_init, config.random_state)
        labels[members[second]] = new
    return labels
