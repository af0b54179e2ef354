"""Settings of mode discovery."""

from __future__ import annotations

from dataclasses import dataclass

from mgd3_kedro.balance import BALANCES
from mgd3_kedro.checks import check_count, check_count_or_auto, lookup
from mgd3_kedro.stages import off_at


@dataclass(frozen=True)
class ModesConfig:
    """Settings of mode discovery; a mode finder ignores the settings that it does not use.

    Args:
        mode_finder: A name of `MODE_FINDERS`.
        ipc: Modes per class, one for each image to generate; fewer if a class has fewer images.
        random_state: Seed of the clustering.
        n_init: Starts of k-means, of which the best is kept.
        pool: Side of the grid over which `kmeans_pooled` averages latents.
        components: Number of principal components that `kmeans_pca`, `gmm` and `hdbscan` use.
        balance: A name of `BALANCES`: the same number of modes for all classes, or more modes for
            classes with more images.
        min_members: Least members of every cluster of `kmeans`, `kmeans_pooled`, `kmeans_pca` and
            the mode finders built on them, at most half the size of equal clusters. "auto": 5, or a
            fifth of the size of equal clusters if that is more. 0: no minimum. With `hdbscan`:
            least members of a density cluster, where 0 stands for 55.

    Raises:
        ValueError: If a value is not valid; the message names the setting.
    """

    mode_finder: str
    ipc: int
    random_state: int
    n_init: int
    pool: int
    components: int
    balance: str = off_at("equal")
    min_members: int | str = off_at(0, default=0)

    def __post_init__(self) -> None:
        # Imported here, as `mgd3_kedro.modes` imports this module.
        from mgd3_kedro.modes import MODE_FINDERS

        lookup(MODE_FINDERS, self.mode_finder, "mode finder")
        lookup(BALANCES, self.balance, "balance")
        check_count("random_state", self.random_state, 0, 2**32 - 1)
        for name in ("ipc", "n_init", "pool", "components"):
            check_count(name, getattr(self, name))
        check_count_or_auto("min_members", self.min_members, 0)
