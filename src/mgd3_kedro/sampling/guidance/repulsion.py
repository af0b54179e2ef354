"""Repulsion: steer the images of a class away from each other."""

from __future__ import annotations

import math

import torch

from mgd3_kedro.records import DenoisingStep
from mgd3_kedro.sampling.guidance.context import GuidanceContext


def repel_mates(step: DenoisingStep, scale: float, context: GuidanceContext) -> torch.Tensor:
    """Return the push that keeps the images of a class apart, (B, C, H, W).

    An image depends on the other images of its class, so a batch must hold whole classes. It does
    not depend on the other classes of the batch.

    Args:
        step: The step of the backbone.
        scale: Scale of the repulsion, in units of lambda; it does not depend on the size of
            latents.
        context: Its `class_rows` say which samples are of one class.

    Source: particle guidance (arXiv 2310.13102) with a fixed potential, here of the predicted clean
    samples instead of the noisy ones.
    """
    clean = step.pred_original_sample
    pushes = torch.zeros_like(clean)
    for rows in context.class_rows:
        pushes[rows] = push_apart(clean[rows])
    return scale * step.pull * pushes


def push_apart(samples: torch.Tensor) -> torch.Tensor:
    """Return sum_j k_ij (x_i - x_j) for each of n samples, (n, C, H, W).

    The kernel is k_ij = exp(-|x_i - x_j|^2 / h) with h = median^2 / log n, where the median is that
    of the distances of all pairs. The push is the gradient of the negative sum of kernels, without
    its factor 2 / h, which would make the push vanish in many dimensions. A single sample is not
    pushed.

    Args:
        samples: Samples of one class, (n, C, H, W).

    Source: particle guidance (arXiv 2310.13102), released code. The bandwidth is that of Stein
    variational gradient descent (arXiv 1608.04471), section 5; it is the same for all pairs, so
    that pushes are mutual.
    """
    count = len(samples)
    if count == 1:
        return torch.zeros_like(samples)
    points = samples.flatten(1)
    distances = torch.cdist(points, points, compute_mode="donot_use_mm_for_euclid_dist")
    above = torch.triu_indices(count, count, 1, device=distances.device)
    median = distances[above[0], above[1]].median()
    bandwidth = (median**2 / math.log(count)).clamp_min(torch.finfo(points.dtype).tiny)
    kernel = torch.exp(-distances.square() / bandwidth).fill_diagonal_(0)
    # Centred first: differences of large products would lose digits.
    points = points - points.mean(0)
    return (kernel.sum(1, keepdim=True) * points - kernel @ points).view_as(samples)
