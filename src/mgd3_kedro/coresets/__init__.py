"""Coresets: selection of real images of a class, for comparison with generated images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import torch

from mgd3_kedro.coresets.centroids import pick_nearest_to_centroids
from mgd3_kedro.coresets.greedy import pick_by_herding, pick_k_centers
from mgd3_kedro.coresets.uniform import pick_random

__all__ = [
    "CORESETS",
    "IN_ORDER",
    "Coreset",
    "pick_by_herding",
    "pick_k_centers",
    "pick_nearest_to_centroids",
    "pick_random",
]

Argument = Literal["count", "features", "centres", "ipc", "random_state"]
"""Inputs that a selection can take: the number of images of the class, their features (N, ...), the
modes of these (K, ...), the number of images to pick, a seed of the class's own."""


class Coreset(NamedTuple):
    """A selection method.

    Args:
        pick: (arguments named in `takes`) -> distinct indices, (ipc,), int64.
        takes: Names of the arguments, in order.
    """

    pick: Callable[..., torch.Tensor]
    takes: tuple[Argument, ...]


CORESETS: dict[str, Coreset] = {
    "herding": Coreset(pick_by_herding, ("features", "ipc")),
    "k_center": Coreset(pick_k_centers, ("features", "ipc")),
    "kmeans_closest": Coreset(pick_nearest_to_centroids, ("features", "centres")),
    "random": Coreset(pick_random, ("count", "ipc", "random_state")),
}
"""Name -> selection method."""

IN_ORDER = frozenset({"herding", "k_center", "random"})
"""Selection methods of which a smaller selection is the beginning of a larger one."""
