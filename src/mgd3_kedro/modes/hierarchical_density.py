"""HDBSCAN: density clusters without a fixed radius."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from mgd3_kedro.modes.clusters import Clusters, flatten, gather_clusters, squared_distances
from mgd3_kedro.modes.density import keep_largest, split_largest
from mgd3_kedro.modes.reduction import principal_coordinates, standardise
from mgd3_kedro.modes.sizes import least_members

if TYPE_CHECKING:
    from mgd3_kedro.modes.settings import ModesConfig

SMALLEST, NEIGHBOURS = 55, 3
"""Least members of a density cluster if `min_members` is 0, and number of neighbours from which the
density at a latent is estimated."""


def find_hdbscan(latents: torch.Tensor, config: ModesConfig) -> Clusters:
    """Take the most probable latent of each of the largest density clusters.

    If there are fewer clusters than `ipc`, the largest are split by k-means. Latents that HDBSCAN
    calls noise belong to no cluster, unless nothing else is left to split.

    Args:
        latents: (N, C, H, W), scaled.
        config: `ipc`; `components`, the number of principal components of the standardised latents;
            `min_members`, the least members of a density cluster, at most half the size of equal
            clusters, where 0 stands for `SMALLEST`; `n_init` and `random_state` of the splits.

    Source: CoDA, released code, with principal components instead of UMAP and without its splits by
        density; Campello et al., Density-based clustering based on hierarchical density estimates,
        PAKDD 2013.
    """
    points = flatten(latents)
    coordinates = principal_coordinates(standardise(points), config.components)
    found, probabilities = _find_density(coordinates, config)
    labels = split_largest(coordinates, keep_largest(found, config.ipc), config)
    chosen = [
        _most_probable(coordinates, probabilities, np.flatnonzero(labels == cluster))
        for cluster in range(config.ipc)
    ]
    return gather_clusters(points, labels, config.ipc, points[chosen])


def _find_density(points: np.ndarray, config: ModesConfig) -> tuple[np.ndarray, np.ndarray]:
    """Return the density cluster of each point, -1 for none, and its probability; both (N,)."""
    from sklearn.cluster import HDBSCAN

    if not points.any():
        # All latents are equal, so density cannot separate them.
        return np.zeros(len(points), dtype=np.int64), np.ones(len(points))
    least = least_members(replace(config, min_members=config.min_members or SMALLEST), len(points))
    fitted = HDBSCAN(
        min_cluster_size=max(2, least),
        min_samples=min(NEIGHBOURS, len(points)),
        # A cluster of the whole class is useful only if there is a single mode.
        allow_single_cluster=config.ipc == 1,
        copy=True,
    ).fit(points)
    return fitted.labels_, fitted.probabilities_


def _most_probable(points: np.ndarray, probabilities: np.ndarray, members: np.ndarray) -> int:
    """Return the most probable member; of equally probable ones, the nearest to the mean."""
    of_cluster = points[members]
    best = probabilities[members] == probabilities[members].max()
    to_mean = squared_distances(of_cluster, of_cluster.mean(0, keepdims=True))[:, 0]
    return int(members[np.where(best, to_mean, np.inf).argmin()])
