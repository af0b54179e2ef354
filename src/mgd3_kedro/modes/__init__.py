"""Mode finders: N representative latents of a class."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch

from mgd3_kedro.checks import lookup
from mgd3_kedro.modes.clusters import Clusters, make_mode_set
from mgd3_kedro.modes.density import find_dbscan
from mgd3_kedro.modes.hierarchical_density import find_hdbscan
from mgd3_kedro.modes.hierarchy import cut_modes, find_agglomerative, find_bisecting_kmeans
from mgd3_kedro.modes.kmeans import (
    find_kmeans,
    find_kmeans_pca,
    find_kmeans_pooled,
    find_kmeans_pooled_closest,
)
from mgd3_kedro.modes.minibatch import find_minibatch_kmeans
from mgd3_kedro.modes.mixture import find_gmm
from mgd3_kedro.modes.quality import measure_class
from mgd3_kedro.modes.real import find_kmeans_closest, find_random
from mgd3_kedro.modes.settings import ModesConfig
from mgd3_kedro.randomness import seed_of_class
from mgd3_kedro.records import ModeSet

__all__ = [
    "MODE_FINDERS",
    "NESTING",
    "ModeFinder",
    "ModesConfig",
    "cut_modes",
    "find_modes",
    "measure_class",
]


def find_modes(latents: torch.Tensor, config: ModesConfig, wnid: str) -> ModeSet:
    """Find the modes of one class.

    Args:
        latents: (N, C, H, W), scaled.
        config: Which mode finder, how many modes.
        wnid: WordNet id of the class.

    Raises:
        ValueError: If the mode finder is unknown, or there are fewer latents than modes.

    Source: MGD3 (arXiv 2505.18963), section 3.1.
    """
    finder = lookup(MODE_FINDERS, config.mode_finder, "mode finder")
    if config.ipc > len(latents):
        raise ValueError(
            f"ipc: expected 1..{len(latents)}, the images of the class, got {config.ipc}"
        )
    if config.mode_finder in SEEDED_PER_CLASS:
        config = replace(config, random_state=seed_of_class(config.random_state, wnid))
    return make_mode_set(latents, finder(latents, config))


ModeFinder = Callable[[torch.Tensor, ModesConfig], Clusters]

MODE_FINDERS: dict[str, ModeFinder] = {
    "agglomerative": find_agglomerative,
    "bisecting_kmeans": find_bisecting_kmeans,
    "dbscan": find_dbscan,
    "gmm": find_gmm,
    "hdbscan": find_hdbscan,
    "kmeans": find_kmeans,
    "kmeans_closest": find_kmeans_closest,
    "kmeans_pca": find_kmeans_pca,
    "kmeans_pooled": find_kmeans_pooled,
    "kmeans_pooled_closest": find_kmeans_pooled_closest,
    "minibatch_kmeans": find_minibatch_kmeans,
    "random": find_random,
}

NESTING = frozenset({"agglomerative", "bisecting_kmeans"})
"""Mode finders whose clusters nest: the first k of more modes lie in the k clusters found for k,
one in each."""

SEEDED_PER_CLASS = frozenset({"random"})
"""Mode finders that choose latents by index, so that each class needs a seed of its own."""
