"""Mode discovery: N representative latents of a class."""

from __future__ import annotations

import numpy as np
import torch

from mgd3_kedro.records import ModeSet

RESTARTS = 10
DBSCAN_RADII = 24


def kmeans_modes(latents: torch.Tensor, ipc: int, random_state: int) -> ModeSet:
    """Take the centroids of k-means with one cluster per image to be made.

    Args:
        latents: (N, C, H, W), scaled.
        ipc: Number of modes K.
        random_state: Seed of the initial centroids.

    Raises:
        ValueError: If there are fewer latents than modes.

    Source: MGD3 (arXiv 2505.18963), section 3.1.
    """
    check_enough(latents, ipc)
    from sklearn.cluster import KMeans

    points = _points(latents)
    fitted = KMeans(n_clusters=ipc, n_init=RESTARTS, random_state=random_state).fit(points)
    return _mode_set(latents, fitted.cluster_centers_, fitted.labels_)


def kmeans_closest_modes(latents: torch.Tensor, ipc: int, random_state: int) -> ModeSet:
    """Take the real latent nearest to each centroid of k-means.

    Args:
        latents: (N, C, H, W), scaled.
        ipc: Number of modes K.
        random_state: Seed of the initial centroids.

    Raises:
        ValueError: If there are fewer latents than modes.

    Source: MGD3 (arXiv 2505.18963), Table 6.
    """
    centroids = kmeans_modes(latents, ipc, random_state)
    real = _points(latents)[centroids.nearest_real.numpy()]
    return _mode_set(latents, real, centroids.assignment.numpy())


def dbscan_modes(latents: torch.Tensor, ipc: int, random_state: int) -> ModeSet:
    """Take the means of the largest density-connected clusters.

    The radius is searched between the smallest and the largest nearest-neighbour distance, for the
    most clusters, up to `ipc`, and among those for the most latents in them. Where density gives
    fewer clusters than asked for, the largest are split by k-means, since every image needs a mode
    of its own.

    Args:
        latents: (N, C, H, W), scaled.
        ipc: Number of modes K.
        random_state: Seed of the splits.

    Raises:
        ValueError: If there are fewer latents than modes.

    Source: MGD3 (arXiv 2505.18963), Table 6; the search for the radius and the splits are ours.
    """
    check_enough(latents, ipc)
    from sklearn.cluster import DBSCAN
    from sklearn.neighbors import NearestNeighbors

    points = _points(latents)
    neighbours = min(3, len(points) - 1) + 1
    distances, _ = NearestNeighbors(n_neighbors=neighbours).fit(points).kneighbors(points)
    reach = distances[:, -1]
    best = np.full(len(points), -1)
    best_score = (-1, -1)
    for radius in np.linspace(reach.min(), reach.max(), DBSCAN_RADII):
        labels = DBSCAN(eps=max(float(radius), 1e-12), min_samples=neighbours).fit_predict(points)
        kept = _largest(labels, ipc)
        score = (int(kept.max()) + 1, int((kept >= 0).sum()))
        if score > best_score:
            best, best_score = kept, score
    labels = _split_largest(points, best, ipc, random_state)
    means = np.stack([points[labels == mode].mean(0) for mode in range(ipc)])
    return _mode_set(latents, means, labels)


def random_modes(latents: torch.Tensor, ipc: int, random_state: int) -> ModeSet:
    """Take real latents at random; every latent belongs to the nearest one taken.

    Args:
        latents: (N, C, H, W), scaled.
        ipc: Number of modes K.
        random_state: Seed of the draw.

    Raises:
        ValueError: If there are fewer latents than modes.

    Source: MGD3 (arXiv 2505.18963), Table 6.
    """
    check_enough(latents, ipc)
    points = _points(latents)
    chosen = np.random.default_rng(random_state).choice(len(points), ipc, replace=False)
    return _mode_set(latents, points[chosen], _distances(points, points[chosen]).argmin(1))


def check_enough(latents: torch.Tensor, ipc: int) -> None:
    """Refuse more modes than latents.

    Raises:
        ValueError: With both numbers.

    Source: ours.
    """
    if not 1 <= ipc <= len(latents):
        raise ValueError(f"ipc: expected 1..{len(latents)}, the images of the class, got {ipc}")


def _points(latents: torch.Tensor) -> np.ndarray:
    return latents.flatten(1).double().numpy()


def _distances(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    from sklearn.metrics import euclidean_distances

    return np.asarray(euclidean_distances(points, centres, squared=True))


def _largest(labels: np.ndarray, count: int) -> np.ndarray:
    """Renumber the largest clusters 0.. by size; everything else becomes -1."""
    names, sizes = np.unique(labels[labels >= 0], return_counts=True)
    kept = np.full_like(labels, -1)
    for rank, position in enumerate(np.argsort(-sizes, kind="stable")[:count]):
        kept[labels == names[position]] = rank
    return kept


def _split_largest(
    points: np.ndarray, labels: np.ndarray, count: int, random_state: int
) -> np.ndarray:
    """Halve the largest cluster until there are `count`; without any, all points are one."""
    from sklearn.cluster import KMeans

    labels = labels.copy()
    if labels.max() < 0:
        labels[:] = 0
    for new in range(labels.max() + 1, count):
        if np.bincount(labels[labels >= 0]).max() < 2:
            # Nothing left to halve: a latent that density called noise becomes a mode.
            labels[np.flatnonzero(labels < 0)[0]] = new
            continue
        members = np.flatnonzero(labels == np.bincount(labels[labels >= 0]).argmax())
        halves = KMeans(2, n_init=RESTARTS, random_state=random_state).fit_predict(points[members])
        if halves.max() == 0:  # duplicates cannot be told apart by distance
            halves[: len(halves) // 2] = 1
        labels[members[halves == 1]] = new
    return labels


def _mode_set(latents: torch.Tensor, centres: np.ndarray, labels: np.ndarray) -> ModeSet:
    points = _points(latents)
    assigned = labels >= 0
    residual = points[assigned] - centres[labels[assigned]]
    return ModeSet(
        modes=torch.from_numpy(centres).to(latents.dtype).reshape(-1, *latents.shape[1:]),
        assignment=torch.from_numpy(labels.astype(np.int64)),
        nearest_real=torch.from_numpy(_distances(points, centres).argmin(0).astype(np.int64)),
        inertia=float(np.square(residual).sum()),
    )
