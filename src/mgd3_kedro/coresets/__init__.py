"""Choosing real images of a class to keep: the selective rows of the comparison."""

from __future__ import annotations

from collections.abc import Callable

import torch

from mgd3_kedro.coresets.centroids import pick_nearest_to_centroids
from mgd3_kedro.coresets.greedy import pick_by_herding, pick_k_centers
from mgd3_kedro.coresets.uniform import pick_random

__all__ = [
    "CORESETS",
    "pick_by_herding",
    "pick_k_centers",
    "pick_nearest_to_centroids",
    "pick_random",
]

CORESETS: dict[str, Callable[[torch.Tensor, int, int], torch.Tensor]] = {
    "herding": pick_by_herding,
    "k_center": pick_k_centers,
    "kmeans_closest": pick_nearest_to_centroids,
    "random": pick_random,
}
"""Name -> (latents or other features of a class (N, ...), ipc, random_state) -> indices (ipc,)."""
