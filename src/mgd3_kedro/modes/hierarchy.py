"""Nested clusters: the clusters for fewer images are unions of the clusters for more."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
import torch

from mgd3_kedro.modes.clusters import Clusters, flatten, gather_clusters, make_mode_set
from mgd3_kedro.modes.lloyd import halve
from mgd3_kedro.modes.reduction import span_coordinates
from mgd3_kedro.records import ModeSet

if TYPE_CHECKING:
    from mgd3_kedro.modes.settings import ModesConfig


def find_bisecting_kmeans(latents: torch.Tensor, config: ModesConfig) -> Clusters:
    """Take the means of clusters made by repeatedly halving the cluster of largest inertia.

    Which cluster is halved next, and how, depends only on the members and the seed. So clusters
    nest: the clusters for 10 images are unions of those for 50.

    Args:
        latents: (N, C, H, W), scaled.
        config: `ipc`; `n_init` and `random_state` of every split.

    Source: Steinbach et al., A comparison of document clustering techniques, 2000.
    """
    points = flatten(latents)
    coordinates = span_coordinates(points)
    labels = np.zeros(len(points), dtype=np.int64)
    parents = [-1]
    inertias = [_splittable_inertia(coordinates)]
    for new in range(1, config.ipc):
        split = int(np.argmax(inertias))
        members = np.flatnonzero(labels == split)
        second = halve(coordinates[members], config.n_init, config.random_state)
        labels[members[second]] = new
        parents.append(split)
        inertias[split] = _splittable_inertia(coordinates[members[~second]])
        inertias.append(_splittable_inertia(coordinates[members[second]]))
    return gather_clusters(points, labels, config.ipc, parents=np.array(parents))


def find_agglomerative(latents: torch.Tensor, config: ModesConfig) -> Clusters:
    """Take the means of clusters made by repeatedly merging the two that add least inertia.

    The merges do not depend on the number of clusters. So clusters nest: the clusters for 10 images
    are unions of those for 50.

    Args:
        latents: (N, C, H, W), scaled.
        config: `ipc`.

    Source: Ward, Hierarchical grouping to optimize an objective function, 1963.
    """
    points = flatten(latents)
    labels, parents = _undo_merges(_ward_merges(points), config.ipc)
    return gather_clusters(points, labels, config.ipc, parents=parents)


def cut_modes(found: ModeSet, latents: torch.Tensor, ipc: int) -> ModeSet:
    """Return the modes for fewer images from nested clusters, without running the mode finder.

    Args:
        found: K modes whose clusters nest.
        latents: (N, C, H, W), the latents in which the modes were found.
        ipc: Number of modes, 1..K.

    Raises:
        ValueError: If clusters do not nest, `ipc` is not in 1..K, or the number of latents differs.
    """
    if found.parents is None:
        raise ValueError(
            "parents: expected modes of agglomerative or bisecting_kmeans, got those of a mode "
            "finder whose clusters do not nest, as k-means; recompute them"
        )
    if not 1 <= ipc <= len(found.modes):
        raise ValueError(f"ipc: expected 1..{len(found.modes)}, the modes there are, got {ipc}")
    if len(latents) != len(found.assignment):
        raise ValueError(f"latents: expected {len(found.assignment)}, got {len(latents)}")
    labels, parents = found.assignment.numpy().copy(), found.parents.numpy()
    for cluster in reversed(range(ipc, len(parents))):
        labels[labels == cluster] = parents[cluster]
    clusters = gather_clusters(flatten(latents), labels, ipc, parents=parents[:ipc].copy())
    return make_mode_set(latents, clusters)


def _splittable_inertia(points: np.ndarray) -> float:
    """Return the inertia of a cluster; -1 if it has one member and cannot be split."""
    return float(np.square(points - points.mean(0)).sum()) if len(points) > 1 else -1.0


def _ward_merges(points: np.ndarray) -> np.ndarray:
    """Return Ward's merges, (N - 1, 2): row i is joined to node N + i; nodes below N are points."""
    from sklearn.cluster import ward_tree

    if len(points) == 1:
        return np.empty((0, 2), dtype=np.int64)
    with warnings.catch_warnings():
        # N equal points give a square matrix of zeros, which looks like a distance matrix.
        warnings.filterwarnings("ignore", message=".*uncondensed distance matrix")
        return np.asarray(ward_tree(span_coordinates(points))[0])


def _undo_merges(merges: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Undo merges, last first, down to `count` clusters; return labels (N,) and parents (K,)."""
    leaves = len(merges) + 1
    nodes, parents = [2 * leaves - 2], [-1]
    for _ in range(1, count):
        split = int(np.argmax(nodes))
        nodes[split], second = merges[nodes[split] - leaves]
        nodes.append(second)
        parents.append(split)
    owners = np.full(2 * leaves - 1, -1)
    owners[nodes] = np.arange(count)
    for node in reversed(range(leaves, 2 * leaves - 1)):
        if owners[node] >= 0:
            owners[merges[node - leaves]] = owners[node]
    return owners[:leaves], np.array(parents)
