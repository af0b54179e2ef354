"""Reduction of latents to fewer coordinates before clustering."""

from __future__ import annotations

import numpy as np
import torch


def span_coordinates(points: np.ndarray) -> np.ndarray:
    """Rotate points into the subspace that they span, if it has fewer dimensions.

    All distances, and so all clusters, stay the same. For 1300 latents of 4096 dimensions, k-means
    takes less time.

    Args:
        points: (N, D).

    Returns:
        (N, min(N, D)); the points themselves, neither copied nor centred, if N >= D.
    """
    if len(points) >= points.shape[1]:
        return points
    # QR keeps distances to full precision. Eigenvectors of the Gram matrix take as long and keep
    # half of the digits, so that duplicates would no longer be equal.
    triangle = np.asarray(np.linalg.qr((points - points.mean(0)).T, mode="r"))
    return np.ascontiguousarray(triangle.T)


def standardise(points: np.ndarray) -> np.ndarray:
    """Return points (N, D) with a mean of 0 and, where they differ at all, a variance of 1."""
    deviations = points.std(0)
    standard: np.ndarray = (points - points.mean(0)) / np.where(deviations > 0, deviations, 1)
    return standard


def principal_coordinates(points: np.ndarray, components: int) -> np.ndarray:
    """Project points onto their first principal components.

    Args:
        points: (N, D).
        components: Number of components M; at most min(N, D) exist.

    Returns:
        (N, min(M, N, D)), centred.

    Source: Pearson, On lines and planes of closest fit, 1901.
    """
    coordinates = span_coordinates(points)
    coordinates = coordinates - coordinates.mean(0)
    _, axes = np.linalg.eigh(coordinates.T @ coordinates)
    return coordinates @ axes[:, ::-1][:, :components]


def pooled_coordinates(latents: torch.Tensor, side: int) -> np.ndarray:
    """Average latents over the cells of a square grid.

    Args:
        latents: (N, C, H, W).
        side: Cells per row and column; a side of a latent with fewer pixels is not averaged.

    Returns:
        (N, C * min(side, H) * min(side, W)).
    """
    from torch.nn.functional import adaptive_avg_pool2d

    grid = (min(side, latents.shape[2]), min(side, latents.shape[3]))
    return adaptive_avg_pool2d(latents.double(), grid).flatten(1).numpy()
