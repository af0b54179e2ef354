"""Choosing real images of a class to keep: the selective rows of the comparison."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from mgd3_kedro.checks import check_latents

KMEANS_STARTS = 10


def pick_random(latents: torch.Tensor, ipc: int, random_state: int) -> torch.Tensor:
    """Pick images uniformly, without replacement.

    A smaller choice is the beginning of a larger one of the same seed.

    Args:
        latents: (N, C, H, W), the latents of one class.
        ipc: Images to pick.
        random_state: Seed of the choice.

    Returns:
        (ipc,), int64, distinct indices into `latents`.

    Raises:
        ValueError: If `latents` is no finite (N, C, H, W) or `ipc` is not in 1..N.

    Source: the "random" rows of arXiv 2505.18963, Table 1.
    """
    _check_choice(latents, ipc)
    order = np.random.default_rng(random_state).permutation(len(latents))
    return torch.from_numpy(order[:ipc].astype(np.int64))


def pick_nearest_to_centroids(latents: torch.Tensor, ipc: int, random_state: int) -> torch.Tensor:
    """Pick the image nearest to each of `ipc` k-means centroids.

    Where one image is the nearest of two centroids, the closer centroid has it and the other
    takes its next nearest, so that no image is picked twice.

    Args:
        latents: (N, C, H, W), the latents of one class.
        ipc: Images to pick, and clusters.
        random_state: Seed of k-means.

    Returns:
        (ipc,), int64, distinct indices into `latents`, in the order of the clusters.

    Raises:
        ValueError: If `latents` is no finite (N, C, H, W) or `ipc` is not in 1..N.

    Source: arXiv 2505.18963, Tables 3 and 6 (mode discovery alone); the tie rule is ours.
    """
    _check_choice(latents, ipc)
    from sklearn.cluster import KMeans

    flat = latents.flatten(1).double().cpu().numpy()
    kmeans = KMeans(n_clusters=ipc, n_init=KMEANS_STARTS, random_state=random_state).fit(flat)
    distances = kmeans.transform(flat).T
    chosen = np.empty(ipc, dtype=np.int64)
    for _ in range(ipc):
        cluster, image = np.unravel_index(np.argmin(distances), distances.shape)
        chosen[cluster] = image
        distances[cluster] = np.inf
        distances[:, image] = np.inf
    return torch.from_numpy(chosen)


def _check_choice(latents: torch.Tensor, ipc: int) -> None:
    check_latents("latents", latents)
    if not 1 <= ipc <= len(latents):
        raise ValueError(
            f"ipc: expected between 1 and the {len(latents)} images of the class, got {ipc}"
        )


CORESETS: dict[str, Callable[[torch.Tensor, int, int], torch.Tensor]] = {
    "kmeans_closest": pick_nearest_to_centroids,
    "random": pick_random,
}
