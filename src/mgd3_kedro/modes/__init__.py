"""Mode finders: N representative latents of a class."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from mgd3_kedro.checks import check_count, lookup
from mgd3_kedro.modes.clustering import (
    dbscan_modes,
    kmeans_closest_modes,
    kmeans_modes,
    random_modes,
)
from mgd3_kedro.records import ModeSet


@dataclass(frozen=True)
class ModesConfig:
    """How modes are found.

    Args:
        mode_finder: A name of `MODE_FINDERS`.
        ipc: Modes per class, one for every image to be made.
        random_state: Seed of the clustering.

    Raises:
        ValueError: Naming the setting that does not fit.
    """

    mode_finder: str
    ipc: int
    random_state: int

    def __post_init__(self) -> None:
        lookup(MODE_FINDERS, self.mode_finder, "mode finder")
        check_count("ipc", self.ipc)
        check_count("random_state", self.random_state, 0, 2**32 - 1)


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
    return finder(latents, config.ipc, config.random_state)


ModeFinder = Callable[[torch.Tensor, int, int], ModeSet]

MODE_FINDERS: dict[str, ModeFinder] = {
    "kmeans": kmeans_modes,
    "kmeans_closest": kmeans_closest_modes,
    "dbscan": dbscan_modes,
    "random": random_modes,
}
