"""Clusters with a least number of members."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mgd3_kedro.modes.clusters import squared_distances
from mgd3_kedro.modes.lloyd import halve

if TYPE_CHECKING:
    from mgd3_kedro.modes.settings import ModesConfig

FEWEST, SHARE = 5, 0.2
"""For "auto": least members of a cluster, as a number and as a share of the size of equal
clusters."""


def least_members(config: ModesConfig, count: int) -> int:
    """Return how many members every cluster of a class must have.

    It is at most half the size of equal clusters, so that there is always a cluster to split.

    Args:
        config: `min_members`, `ipc`.
        count: Number of latents N of the class.
    """
    asked = config.min_members
    if isinstance(asked, str):
        asked = max(FEWEST, int(SHARE * count / config.ipc))
    return min(asked, count // (2 * config.ipc))


def repair_sizes(
    points: np.ndarray, labels: np.ndarray, least: int, config: ModesConfig
) -> np.ndarray:
    """Reassign points until every cluster has at least `least` members.

    The members of the smallest cluster move to the nearest centre of another cluster. In its place,
    a cluster of large inertia with enough members is split. This is repeated until no cluster is
    too small.

    Args:
        points: (N, D).
        labels: (N,), the cluster of each point.
        least: Least members of a cluster, at most N / 2K.
        config: `ipc` clusters K, `n_init`, `random_state`.

    Returns:
        The new cluster of each point, (N,), int64.
    """
    labels = labels.astype(np.int64)
    while (sizes := np.bincount(labels, minlength=config.ipc)).min() < least:
        small = int(sizes.argmin())
        others = np.flatnonzero((sizes > 0) & (np.arange(config.ipc) != small))
        centres = np.stack([points[labels == cluster].mean(0) for cluster in others])
        leaving = labels == small
        if leaving.any():
            labels[leaving] = others[squared_distances(points[leaving], centres).argmin(1)]
        members, second = _split(points, labels, least, config)
        labels[members[second]] = small
    return labels


def _split(
    points: np.ndarray, labels: np.ndarray, least: int, config: ModesConfig
) -> tuple[np.ndarray, np.ndarray]:
    """Return the members of a cluster to split, and a mask of those in its second half.

    Clusters are tried in order of falling inertia. The first one is taken that k-means splits into
    halves of at least `least` members each. If there is none, the first cluster is cut so that both
    halves have enough members.
    """
    wide = []
    for cluster in np.flatnonzero(np.bincount(labels) >= 2 * least):
        members = np.flatnonzero(labels == cluster)
        spread = np.square(points[members] - points[members].mean(0)).sum()
        wide.append((-float(spread), members))
    wide.sort(key=lambda one: one[0])
    found = []
    for _, members in wide:
        second = halve(points[members], config.n_init, config.random_state)
        if least <= second.sum() <= len(members) - least:
            return members, second
        found.append((members, second))
    members, second = found[0]
    centres = np.stack([points[members[~second]].mean(0), points[members[second]].mean(0)])
    to_first, to_second = squared_distances(points[members], centres).T
    order = np.argsort(to_second - to_first, kind="stable")
    cut = int(np.clip(second.sum(), least, len(members) - least))
    second = np.zeros(len(members), dtype=bool)
    second[order[:cut]] = True
    return members, second
