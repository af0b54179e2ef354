"""Measures of how well modes represent a class."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from mgd3_kedro.modes.clusters import flatten, repeats, squared_distances
from mgd3_kedro.modes.stability import agreement_of_seeds, explained_variance, finder_coordinates
from mgd3_kedro.records import ModeSet

if TYPE_CHECKING:
    from mgd3_kedro.modes.settings import ModesConfig


def measure_class(latents: torch.Tensor, found: ModeSet, config: ModesConfig) -> dict[str, float]:
    """Measure the modes of one class.

    Spreads are root mean squared distances in scaled latent space: of members to their mode, and of
    modes to the mean of the class. The silhouette is the simplified one: it uses distances to modes
    instead of distances to all members. It is near 1 if clusters are tight and far apart, below 0
    if latents are nearer to the mode of another cluster, and 0 for a single mode.

    Args:
        latents: (N, C, H, W), scaled.
        found: The modes found in them.
        config: How they were found.

    Returns:
        Name -> value. `explained_variance` is the share of the variance of latents that is between
        clusters; `explained_variance_in_finder` is the same in the coordinates that the mode finder
        clusters. `norm_ratio` is the mean norm of modes over the mean norm of latents.
        `agreement_of_seeds` is the similarity of the k-means clusters of three seeds.

    Source: Vendramin et al., Relative clustering validity criteria, 2010, for the silhouette.
    """
    points, modes, sizes = flatten(latents), flatten(found.modes), found.member_counts
    between = np.square(modes - points.mean(0)).sum(1)
    labels, coordinates = found.assignment.numpy(), finder_coordinates(latents, config)
    norms = [float(np.linalg.norm(of, axis=1).mean()) for of in (modes, points)]
    return {
        "inertia": found.inertia,
        "smallest_cluster": float(sizes.min()),
        "largest_cluster": float(sizes.max()),
        "unassigned_latents": float(len(points) - sizes.sum()),
        "within_spread": float(np.sqrt(found.inertia / float(sizes.sum()))),
        "between_spread": float(np.sqrt(between.mean())),
        "silhouette": _simplified_silhouette(points, modes, labels),
        "explained_variance": explained_variance(points, labels),
        "explained_variance_in_finder": explained_variance(coordinates, labels),
        "agreement_of_seeds": agreement_of_seeds(coordinates, replace(config, ipc=len(modes))),
        "norm_ratio": norms[0] / norms[1] if norms[1] > 0 else 1.0,
        "degenerate_clusters": float(found.degenerate_clusters),
        "distinct_latents": float((~repeats(points)).sum()),
    }


def _simplified_silhouette(points: np.ndarray, modes: np.ndarray, labels: np.ndarray) -> float:
    if len(modes) == 1:
        return 0.0
    points, labels = points[labels >= 0], labels[labels >= 0]
    distances = np.sqrt(squared_distances(points, modes))
    rows = np.arange(len(points))
    own = distances[rows, labels]
    distances[rows, labels] = np.inf
    other = distances.min(1)
    larger = np.maximum(own, other)
    # A latent at distance 0 from two equal modes belongs to both, so its silhouette is 0.
    return float(((other - own) / np.where(larger > 0, larger, 1)).mean())
