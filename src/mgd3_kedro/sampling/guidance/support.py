"""A class represented by a few points with masses."""

from __future__ import annotations

import warnings

import torch

from mgd3_kedro.checks import AUTO, check_count_or_auto
from mgd3_kedro.sampling.guidance.needs import FactRequest
from mgd3_kedro.sampling.guidance.options import Option

FEWEST, PER_IMAGE = 10, 2
"""For "auto": least number of points, and number of points per generated image."""


SUPPORT = Option(check_count_or_auto, AUTO)
"""Option: number of points. If it is not below the number of real latents, all of these are used.
"auto": `PER_IMAGE` points per image, at least `FEWEST`."""


def find_support(real: torch.Tensor, asked: FactRequest) -> dict[str, torch.Tensor]:
    """Return points that represent a class, and the mass of each.

    Args:
        real: The latents of the class, (N, C, H, W).
        asked: Its `images` and `seed`, and the option `transport_support`.

    Returns:
        `support`: centroids of k-means, or all latents, (J, C, H, W). `mass`: share of the latents
        in the cluster of each point, above 0, (J,). `variance`: variance per dimension of the
        latents around their points, or around their mean if every latent is a point; above 0, ().

    Source: DMGD (CVPR 2026), released code, for the centroids and their masses.
    """
    wanted = asked.options["transport_support"]
    count = max(FEWEST, PER_IMAGE * asked.images) if wanted == AUTO else wanted
    points = real.flatten(1).double()
    labels = torch.arange(len(points))
    if count < len(points):
        labels = _cluster(points, count, asked.seed)
    _, labels, members = labels.unique(return_inverse=True, return_counts=True)
    support = torch.zeros(len(members), points.shape[1], dtype=points.dtype)
    support.index_add_(0, labels, points).div_(members[:, None])
    freedom = len(points) - len(members)
    residual = points - (support[labels] if freedom else points.mean(0))
    variance = residual.square().mean() * len(points) / (freedom or len(points))
    return {
        "support": support.float().view(-1, *real.shape[1:]),
        "mass": (members.double() / len(points)).float(),
        "variance": (variance if variance > 0 else torch.ones_like(variance)).float(),
    }


def _cluster(points: torch.Tensor, count: int, seed: int) -> torch.Tensor:
    """Return the k-means cluster of each of the points (N, D), (N,), int64."""
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        # The warning says that clusters are empty, as some latents are equal; they are left out.
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted = KMeans(count, n_init=1, random_state=seed).fit(points.numpy())
    return torch.from_numpy(fitted.labels_).long()
