"""Mini-batch k-means."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from mgd3_kedro.modes.clusters import Clusters, flatten, gather_clusters
from mgd3_kedro.modes.reduction import span_coordinates

if TYPE_CHECKING:
    from mgd3_kedro.modes.settings import ModesConfig


def find_minibatch_kmeans(latents: torch.Tensor, config: ModesConfig) -> Clusters:
    """Take the means of the clusters that k-means finds in batches of latents drawn at random.

    Its centroids are running means over batches. The modes are the means of all members instead, so
    that compact clusters get the same modes as with k-means.

    Args:
        latents: (N, C, H, W), scaled.
        config: `ipc`, `n_init`, `random_state`.

    Source: Sculley, Web-scale k-means clustering, WWW 2010; as the quantiser of DDOQ (arXiv
    2501.07681) and D4M (arXiv 2407.15138).
    """
    from sklearn.cluster import MiniBatchKMeans

    points = flatten(latents)
    fitted = MiniBatchKMeans(
        config.ipc,
        n_init=config.n_init,
        random_state=config.random_state,
        # Centroids with few latents stay: if every latent is a mode, all centroids have few.
        reassignment_ratio=0,
    ).fit(span_coordinates(points))
    return gather_clusters(points, fitted.labels_, config.ipc)
