"""Determinantal diversity: images of a class are turned away from each other."""

from __future__ import annotations

import torch
from torch.nn.functional import normalize

from mgd3_kedro.records import DenoisingStep
from mgd3_kedro.sampling.guidance.context import GuidanceContext
from mgd3_kedro.sampling.guidance.precision import precise

RIDGE = 1e-3
"""Added to the diagonal of cosines, so that equal images have a finite push."""


def turn_apart(step: DenoisingStep, scale: float, context: GuidanceContext) -> torch.Tensor:
    """Return what keeps the images of a class from differing from its mean alike, (B, C, H, W).

    Args:
        step: The step of the backbone.
        scale: In units of lambda.
        context: Of each class its `mean`, without which what its images have in common would make
            all of them alike.

    Source: CGS (CVPR 2026), its diversity, centred and with another unit of the scale (ours).
    """
    clean = step.pred_original_sample
    push = torch.zeros_like(clean)
    for rows, facts in context.of_classes:
        away = precise(clean[rows] - facts["mean"]).flatten(1)
        push[rows] = turn_away(away).to(clean.dtype).view_as(clean[rows])
    return scale * step.pull * push


def turn_away(away: torch.Tensor, ridge: float = RIDGE) -> torch.Tensor:
    """Return the push across each of n vectors that makes their cosines smaller, (n, D).

    Along the gradient of log det(cosines + ridge), at most as long as the vector; 0 where vectors
    are orthogonal, and where there is one.

    Args:
        away: (n, D).
        ridge: Added to the diagonal.

    Source: determinantal point processes (Kulesza and Taskar, arXiv 1207.6083).
    """
    directions = normalize(away, dim=1)
    cosines = directions @ directions.T
    eye = torch.eye(len(away), dtype=away.dtype, device=away.device)
    # It does not check for singular matrices, for which a card would have to be waited for.
    inverse, _ = torch.linalg.inv_ex(cosines + ridge * eye)
    gradient = inverse @ directions
    across = gradient - (gradient * directions).sum(1, keepdim=True) * directions
    longest = gradient.norm(dim=1, keepdim=True).clamp_min(1)
    return away.norm(dim=1, keepdim=True) * across / longest
