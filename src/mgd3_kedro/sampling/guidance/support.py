"""A class as a few points with masses."""

from __future__ import annotations

import warnings

import torch

from mgd3_kedro.checks import AUTO, check_count_or_auto
from mgd3_kedro.sampling.guidance.needs import Asked
from mgd3_kedro.sampling.guidance.options import Option

FEWEST, PER_IMAGE = 10, 2
"""Of "auto": points at least, and for every image that is drawn."""


SUPPORT = Option(check_count_or_auto, AUTO)
"""Option that says how many points; no fewer than real latents: all of these. "auto": `FEWEST`, or
`PER_IMAGE` for every image."""


def find_support(real: torch.Tensor, asked: Asked) -> dict[str, torch.Tensor]:
    """Return points that stand for a class, and how much each stands for.

    Args:
        real: The latents of the class, (N, C, H, W).
        asked: `images`, `seed`, and `transport_support` of `options`.

    Returns:
        `support`: centroids of k-means, or all latents, (J, C, H, W). `mass`: the share of latents
        that is nearest to each, above 0, (J,). `variance`: that of latents around them, per
        dimension, or around their mean where each is a point of its own; above 0, ().

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
    """Return the cluster of each point (N, D), (N,)."""
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        # It says that some clusters are empty, where latents repeat; these are left out.
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted = KMeans(count, n_init=1, random_state=seed).fit(points.numpy())
    return torch.from_numpy(fitted.labels_).long()
