"""Modes that are real latents of the class."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from mgd3_kedro.modes.clusters import Clusters, flatten, gather_clusters, squared_distances
from mgd3_kedro.modes.kmeans import find_kmeans

if TYPE_CHECKING:
    from mgd3_kedro.modes.settings import ModesConfig


def find_kmeans_closest(latents: torch.Tensor, config: ModesConfig) -> Clusters:
    """Take the real latent nearest to each centroid of k-means.

    Args:
        latents: (N, C, H, W), scaled.
        config: `ipc`, `n_init`, `random_state`.

    Source: MGD3 (arXiv 2505.18963), Table 6.
    """
    points, centroids = flatten(latents), find_kmeans(latents, config)
    nearest = squared_distances(points, centroids.centres).argmin(0)
    return Clusters(centroids.labels, points[nearest], centroids.was_empty)


def find_random(latents: torch.Tensor, config: ModesConfig) -> Clusters:
    """Take real latents at random; every latent belongs to the nearest one taken.

    Args:
        latents: (N, C, H, W), scaled.
        config: `ipc`; `random_state`, a seed of the class's own.

    Source: MGD3 (arXiv 2505.18963), Table 6.
    """
    points = flatten(latents)
    generator = np.random.default_rng(config.random_state)
    chosen = generator.choice(len(points), config.ipc, replace=False)
    labels = squared_distances(points, points[chosen]).argmin(1)
    labels[chosen] = np.arange(config.ipc)  # duplicates among the chosen keep a cluster each
    return gather_clusters(points, labels, config.ipc, points[chosen])
