"""A mixture of Gaussians."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from mgd3_kedro.modes.clusters import Clusters, flatten, gather_clusters
from mgd3_kedro.modes.lloyd import run_kmeans
from mgd3_kedro.modes.reduction import principal_coordinates

if TYPE_CHECKING:
    from mgd3_kedro.modes.settings import ModesConfig

MAX_ITERATIONS = 1000
VARIANCE_FLOOR = 0.01
"""Added to every variance, as a share of the mean variance of all points."""


def find_gmm(latents: torch.Tensor, config: ModesConfig) -> Clusters:
    """Take the means of a Gaussian mixture with diagonal covariances.

    It is fitted to the first principal components, starting from the result of k-means. In all
    dimensions, which outnumber the members of a component, every responsibility would be 0 or 1 and
    EM would end where it starts. Modes are means of all latents, weighted by responsibility. A
    latent belongs to the component with the largest responsibility for it.

    Args:
        latents: (N, C, H, W), scaled.
        config: `ipc`, `components`; `n_init` and `random_state` of k-means.

    Source: Dempster et al., Maximum likelihood from incomplete data via the EM algorithm, 1977; the
    start and the floor of the variances are ours.
    """
    points = flatten(latents)
    coordinates = principal_coordinates(points, config.components)
    fitted = run_kmeans(coordinates, config.ipc, config.n_init, config.random_state)
    start = gather_clusters(coordinates, fitted.labels_, config.ipc)
    responsibilities = _run_em(coordinates, start)
    means = responsibilities.T @ points / responsibilities.sum(0)[:, None]
    return gather_clusters(points, responsibilities.argmax(1), config.ipc, means)


def _run_em(points: np.ndarray, start: Clusters) -> np.ndarray:
    """Return the responsibility of each component for each point, (N, K)."""
    from sklearn.mixture import GaussianMixture

    if (count := len(start.centres)) == 1:
        return np.ones((len(points), 1))
    # Without a floor, components shrink to one latent, where the likelihood has no bound.
    floor = max(VARIANCE_FLOOR * float(points.var(0).mean()), 1e-12)
    variances = np.stack([points[start.labels == one].var(0) for one in range(count)]) + floor
    mixture = GaussianMixture(
        count,
        covariance_type="diag",
        max_iter=MAX_ITERATIONS,
        reg_covar=floor,
        weights_init=np.bincount(start.labels) / len(points),
        means_init=start.centres,
        precisions_init=1 / variances,
    )
    return np.asarray(mixture.fit(points).predict_proba(points))
