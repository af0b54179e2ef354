"""Greedy selection: one image at a time, each the best given those before."""

from __future__ import annotations

import numpy as np
import torch

from mgd3_kedro.coresets.points import points_to_pick


def pick_by_herding(features: torch.Tensor, ipc: int) -> torch.Tensor:
    """Pick images one by one, so that their mean is as near to the class mean as possible.

    No image is picked twice. A smaller selection is the beginning of a larger one.

    Args:
        features: (N, ...), the latents or other features of one class.
        ipc: Images to pick.

    Returns:
        (ipc,), int64, distinct indices into `features`, in the order picked.

    Raises:
        ValueError: If `features` is not finite of shape (N, ...), or `ipc` is not in 1..N.

    Source: iCaRL (arXiv 1611.07725), Algorithm 4; without replacement as in IDC
    (arXiv 2205.14959), released code.
    """
    points = points_to_pick(features, ipc)
    # Centred on the class mean, so that the sum of the picked points should be near zero.
    points = points - points.mean(0)
    norms = np.square(points).sum(1)
    total = np.zeros(points.shape[1])
    free = np.zeros(len(points))
    chosen = np.empty(ipc, dtype=np.int64)
    for rank in range(ipc):
        # |total + point|^2, without the constant |total|^2.
        chosen[rank] = image = np.argmin(norms + 2 * (points @ total) + free)
        total += points[image]
        free[image] = np.inf
    return torch.from_numpy(chosen)


def pick_k_centers(features: torch.Tensor, ipc: int) -> torch.Tensor:
    """Pick the image nearest to the class mean, then repeatedly the one farthest from all picked.

    A smaller selection is the beginning of a larger one.

    Args:
        features: (N, ...), the latents or other features of one class.
        ipc: Images to pick.

    Returns:
        (ipc,), int64, distinct indices into `features`, in the order picked.

    Raises:
        ValueError: If `features` is not finite of shape (N, ...), or `ipc` is not in 1..N.

    Source: k-center coresets (arXiv 1708.00489), Algorithm 1; the first image is ours.
    """
    points = points_to_pick(features, ipc)
    chosen = np.empty(ipc, dtype=np.int64)
    chosen[0] = _squared_distances(points, points.mean(0)).argmin()
    nearest = np.full(len(points), np.inf)
    for rank in range(1, ipc):
        last = chosen[rank - 1]
        np.minimum(nearest, _squared_distances(points, points[last]), out=nearest)
        nearest[last] = -1.0  # below every distance, also between duplicates
        chosen[rank] = nearest.argmax()
    return torch.from_numpy(chosen)


def _squared_distances(points: np.ndarray, centre: np.ndarray) -> np.ndarray:
    return np.asarray(np.square(points - centre).sum(1))
