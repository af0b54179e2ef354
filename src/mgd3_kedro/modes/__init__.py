"""Mode finders: N representative latents of a class."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from mgd3_kedro.checks import check_count, lookup
from mgd3_kedro.modes.clusters import Clusters, make_mode_set
from mgd3_kedro.modes.density import find_dbscan
from mgd3_kedro.modes.hierarchy import cut_modes, find_agglomerative, find_bisecting_kmeans
from mgd3_kedro.modes.kmeans import find_kmeans, find_kmeans_pca, find_kmeans_pooled
from mgd3_kedro.modes.mixture import find_gmm
from mgd3_kedro.modes.quality import measure_class
from mgd3_kedro.modes.real import find_kmeans_closest, find_random
from mgd3_kedro.records import ModeSet

__all__ = [
    "MODE_FINDERS",
    "ModeFinder",
    "ModesConfig",
    "cut_modes",
    "find_modes",
    "measure_class",
]


@dataclass(frozen=True)
class ModesConfig:
    """How modes are found; a mode finder ignores what it has no use for.

    Args:
        mode_finder: A name of `MODE_FINDERS`.
        ipc: Modes per class, one for every image to be made.
        random_state: Seed of the clustering.
        n_init: Starts of k-means, of which the best is kept.
        pool: Side of the grid that `kmeans_pooled` averages latents over.
        components: Principal components that `kmeans_pca` keeps.

    Raises:
        ValueError: Naming the setting that does not fit.
    """

    mode_finder: str
    ipc: int
    random_state: int
    n_init: int
    pool: int
    components: int

    def __post_init__(self) -> None:
        lookup(MODE_FINDERS, self.mode_finder, "mode finder")
        check_count("random_state", self.random_state, 0, 2**32 - 1)
        for name in ("ipc", "n_init", "pool", "components"):
            check_count(name, getattr(self, name))


def find_modes(latents: torch.Tensor, config: ModesConfig) -> ModeSet:
    """Find the modes of one class.

    Args:
        latents: (N, C, H, W), scaled.
        config: Which mode finder, how many modes.

    Raises:
        ValueError: If there are fewer latents than modes.

    Source: MGD3 (arXiv 2505.18963), section 3.1.
    """
    finder = lookup(MODE_FINDERS, config.mode_finder, "mode finder")
    if config.ipc > len(latents):
        raise ValueError(
            f"ipc: expected 1..{len(latents)}, the images of the class, got {config.ipc}"
        )
    return make_mode_set(latents, finder(latents, config))


ModeFinder = Callable[[torch.Tensor, ModesConfig], Clusters]

MODE_FINDERS: dict[str, ModeFinder] = {
    "agglomerative": find_agglomerative,
    "bisecting_kmeans": find_bisecting_kmeans,
    "dbscan": find_dbscan,
    "gmm": find_gmm,
    "kmeans": find_kmeans,
    "kmeans_closest": find_kmeans_closest,
    "kmeans_pca": find_kmeans_pca,
    "kmeans_pooled": find_kmeans_pooled,
    "random": find_random,
}
