"""The configuration of mode discovery."""

from __future__ import annotations

from dataclasses import dataclass

from mgd3_kedro.balance import BALANCES
from mgd3_kedro.checks import check_count, check_count_or_auto, lookup
from mgd3_kedro.stages import off_at


@dataclass(frozen=True)
class ModesConfig:
    """How modes are found; a mode finder ignores what it has no use for.

    Args:
        mode_finder: A name of `MODE_FINDERS`.
        ipc: Modes per class, one for every image to be made; fewer where a class has fewer images.
        random_state: Seed of the clustering.
        n_init: Starts of k-means, of which the best is kept.
        pool: Side of the grid that `kmeans_pooled` averages latents over.
        components: Principal components that `kmeans_pca`, `gmm` and `hdbscan` look at.
        balance: A name of `BALANCES`: whether all classes have as many, or those with more images
            more.
        min_members: Members that every cluster of `kmeans`, `kmeans_pooled`, `kmeans_pca` and of
            what is found from them has at least, but no more than half of what equal clusters would
            have; "auto": 5, or a fifth of what equal clusters have; 0: any number. Also members of
            a cluster of density with `hdbscan`, where 0 is 55.

    Raises:
        ValueError: Naming the setting that does not fit.
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
        # The table is of members that need these settings.
        from mgd3_kedro.modes import MODE_FINDERS

        lookup(MODE_FINDERS, self.mode_finder, "mode finder")
        lookup(BALANCES, self.balance, "balance")
        check_count("random_state", self.random_state, 0, 2**32 - 1)
        for name in ("ipc", "n_init", "pool", "components"):
            check_count(name, getattr(self, name))
        check_count_or_auto("min_members", self.min_members, 0)
