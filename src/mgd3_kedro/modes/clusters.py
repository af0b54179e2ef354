"""The result of every mode finder: clusters of a class, none of them empty."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from mgd3_kedro.records import ModeSet


@dataclass(frozen=True)
class Clusters:
    """Clusters of flattened latents, none of them empty.

    Args:
        labels: (N,), int64, the cluster of each latent, -1 for none.
        centres: (K, D), the mode of each cluster.
        was_empty: (K,), bool, whether the cluster was empty at first and then filled.
        parents: (K,), int64, the cluster that each cluster was split off from: an earlier one, -1
            for the first. None if clusters do not nest.
    """

    labels: np.ndarray
    centres: np.ndarray
    was_empty: np.ndarray
    parents: np.ndarray | None = None


def flatten(latents: torch.Tensor) -> np.ndarray:
    """Return latents (N, C, H, W) as points (N, D) in double precision."""
    return latents.flatten(1).double().numpy()


def squared_distances(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Return the squared distances (N, K) of points (N, D) to centres (K, D)."""
    from sklearn.metrics import euclidean_distances

    return np.asarray(euclidean_distances(points, centres, squared=True))


def repeats(rows: np.ndarray) -> np.ndarray:
    """Return a mask of the rows (N, D) that equal an earlier row, (N,), bool."""
    firsts: dict[bytes, int] = {}
    same_zeros = rows + 0.0  # turns -0.0, which has other bits, into 0.0
    return np.array(
        [firsts.setdefault(row.tobytes(), index) != index for index, row in enumerate(same_zeros)]
    )


def gather_clusters(
    points: np.ndarray,
    labels: np.ndarray,
    count: int,
    centres: np.ndarray | None = None,
    parents: np.ndarray | None = None,
) -> Clusters:
    """Complete a clustering: give every empty cluster a member, and every cluster a centre.

    An empty cluster takes the point that is farthest from the mean of its own cluster.

    Args:
        points: (N, D).
        labels: (N,), the cluster of each point, -1 for none.
        count: Number of clusters K.
        centres: (K, D); None for the means of the members. A cluster that was empty, or that gave a
            member to an empty one, always gets the mean of its members.
        parents: (K,), if clusters nest.
    """
    labels = labels.astype(np.int64)
    was_empty = np.bincount(labels[labels >= 0], minlength=count) == 0
    changed = set(range(count)) if centres is None else set[int]()
    for empty in np.flatnonzero(was_empty):
        moved = _most_remote(points, labels)
        changed |= {int(empty), int(labels[moved])}
        labels[moved] = empty
    found = np.empty((count, points.shape[1])) if centres is None else centres.copy()
    for cluster in changed:
        found[cluster] = points[labels == cluster].mean(0)
    return Clusters(labels, found, was_empty, parents)


def make_mode_set(latents: torch.Tensor, clusters: Clusters) -> ModeSet:
    """Convert clusters of latents (N, C, H, W) to a `ModeSet`."""
    points, labels = flatten(latents), clusters.labels
    assigned = labels >= 0
    residual = points[assigned] - clusters.centres[labels[assigned]]
    nearest = squared_distances(points, clusters.centres).argmin(0)
    modes = torch.from_numpy(clusters.centres).to(latents.dtype)
    degenerate = clusters.was_empty | repeats(modes.numpy())
    return ModeSet(
        modes=modes.reshape(-1, *latents.shape[1:]),
        assignment=torch.from_numpy(labels),
        nearest_real=torch.from_numpy(nearest.astype(np.int64)),
        inertia=float(np.square(residual).sum()),
        degenerate_clusters=int(degenerate.sum()),
        parents=None if clusters.parents is None else torch.from_numpy(clusters.parents),
    )


def _most_remote(points: np.ndarray, labels: np.ndarray) -> int:
    """Return the index of the point farthest from the mean of its cluster of two or more."""
    best, farthest = -1, -1.0
    for cluster in np.flatnonzero(np.bincount(labels[labels >= 0]) > 1):
        members = np.flatnonzero(labels == cluster)
        distances = np.square(points[members] - points[members].mean(0)).sum(1)
        if distances.max() > farthest:
            best, farthest = int(members[distances.argmax()]), float(distances.max())
    return best
