"""How well modes stand for a class."""

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
    modes to the mean of the class. The silhouette is the simplified one, with distances to modes in
    place of those to all their members: 1 where clusters are tight and apart, below 0 where latents
    are nearer to a mode that is not theirs; 0 for a single mode.

    Args:
        latents: (N, C, H, W), scaled.
        found: The modes found in them.
        config: How they were found.

    Returns:
        Name -> value. `explained_variance` is the share of the variance that is between clusters,
        of latents and, `_in_finder`, of what the finder looks at; `norm_ratio` the norm of modes
        over that of latents; `agreement_of_seeds` how alike the clusters of three seeds are.

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
    # A latent at two equal modes is of the one as much as of the other.
    return float(((other - own) / np.where(larger > 0, larger, 1)).mean())
