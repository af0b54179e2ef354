"""Determinantal diversity: push the images of a class into different directions."""

from __future__ import annotations

import torch
from torch.nn.functional import normalize

from mgd3_kedro.records import DenoisingStep
from mgd3_kedro.sampling.guidance.context import GuidanceContext
from mgd3_kedro.sampling.guidance.precision import precise

RIDGE = 1e-3
"""Added to the diagonal of the cosine matrix, so that equal images get a finite push."""


def turn_apart(step: DenoisingStep, scale: float, context: GuidanceContext) -> torch.Tensor:
    """Return a push that turns the images of a class away from each other, (B, C, H, W).

    Args:
        step: The step of the backbone.
        scale: In units of lambda.
        context: Needs the fact `mean` of each class. It is subtracted first: otherwise what the
            images have in common would make all of them look alike.

    Source: CGS (CVPR 2026), its diversity, centred and with another unit of the scale (ours).
    """
    clean = step.pred_original_sample
    push = torch.zeros_like(clean)
    for rows, facts in context.of_classes:
        away = precise(clean[rows] - facts["mean"]).flatten(1)
        push[rows] = turn_away(away).to(clean.dtype).view_as(clean[rows])
    return scale * step.pull * push


def turn_away(away: torch.Tensor, ridge: float = RIDGE) -> torch.Tensor:
    """Return the push, orthogonal to each vector, that makes the cosines smaller, (n, D).

    The push follows the gradient of log det(cosines + ridge I). It is at most as long as the
    vector. It is 0 if vectors are orthogonal, and for a single vector.

    Args:
        away: The vectors, (n, D).
        ridge: Added to the diagonal of the cosine matrix.

    Source: determinantal point processes (Kulesza and Taskar, arXiv 1207.6083).
    """
    directions = normalize(away, dim=1)
    cosines = directions @ directions.T
    eye = torch.eye(len(away), dtype=away.dtype, device=away.device)
    # `inv_ex`, as `inv` checks for singular matrices, and the host would wait for the GPU.
    inverse, _ = torch.linalg.inv_ex(cosines + ridge * eye)
    gradient = inverse @ directions
    across = gradient - (gradient * directions).sum(1, keepdim=True) * directions
    longest = gradient.norm(dim=1, keepdim=True).clamp_min(1)
    return away.norm(dim=1, keepdim=True) * across / longest
