"""Real images that represent the clusters of a class."""

from __future__ import annotations

import numpy as np
import torch

from mgd3_kedro.coresets.points import points_to_pick


def pick_nearest_to_centroids(features: torch.Tensor, centres: torch.Tensor) -> torch.Tensor:
    """Pick the image nearest to the centre of each cluster.

    If one image is the nearest to two centres, the closer centre gets it and the other one takes
    its next nearest, so that no image is picked twice.

    Args:
        features: (N, ...), the latents or other features of one class.
        centres: (K, ...), the centres of its clusters.

    Returns:
        (K,), int64, distinct indices into `features`, in the order of the clusters.

    Raises:
        ValueError: If `features` is not finite of shape (N, ...), or there are not 1..N centres.

    Source: arXiv 2505.18963, Tables 3 and 6 (mode discovery alone); the tie rule is ours.
    """
    points = points_to_pick(features, len(centres))
    from sklearn.metrics import euclidean_distances

    distances = euclidean_distances(centres.flatten(1).double().cpu().numpy(), points)
    chosen = np.empty(len(centres), dtype=np.int64)
    for _ in chosen:
        cluster, image = np.unravel_index(np.argmin(distances), distances.shape)
        chosen[cluster] = image
        distances[cluster] = np.inf
        distances[:, image] = np.inf
    return torch.from_numpy(chosen)
