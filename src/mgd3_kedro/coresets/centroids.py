"""The real images that stand for the clusters of a class."""

from __future__ import annotations

import numpy as np
import torch

from mgd3_kedro.coresets.points import points_to_pick

KMEANS_STARTS = 10


def pick_nearest_to_centroids(features: torch.Tensor, ipc: int, random_state: int) -> torch.Tensor:
    """Pick the image nearest to each of `ipc` k-means centroids.

    Where one image is the nearest of two centroids, the closer centroid has it and the other
    takes its next nearest, so that no image is picked twice.

    Args:
        features: (N, ...), the latents or other features of one class.
        ipc: Images to pick, and clusters.
        random_state: Seed of k-means.

    Returns:
        (ipc,), int64, distinct indices into `features`, in the order of the clusters.

    Raises:
        ValueError: If `features` is no finite (N, ...) or `ipc` is not in 1..N.

    Source: arXiv 2505.18963, Tables 3 and 6 (mode discovery alone); the tie rule is ours.
    """
    points = points_to_pick(features, ipc)
    from sklearn.cluster import KMeans

    kmeans = KMeans(n_clusters=ipc, n_init=KMEANS_STARTS, random_state=random_state).fit(points)
    distances = kmeans.transform(points).T
    chosen = np.empty(ipc, dtype=np.int64)
    for _ in range(ipc):
        cluster, image = np.unravel_index(np.argmin(distances), distances.shape)
        chosen[cluster] = image
        distances[cluster] = np.inf
        distances[:, image] = np.inf
    return torch.from_numpy(chosen)
