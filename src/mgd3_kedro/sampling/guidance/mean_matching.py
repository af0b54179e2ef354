"""Mean matching: steer the mean of the images of a class to the mean of its real images."""

from __future__ import annotations

import torch

from mgd3_kedro.records import DenoisingStep
from mgd3_kedro.sampling.guidance.context import GuidanceContext


def match_mean(step: DenoisingStep, scale: float, context: GuidanceContext) -> torch.Tensor:
    """Return the push of class means to the real means, equal for all images of a class.

    Args:
        step: The step of the backbone.
        scale: In units of lambda.
        context: Needs the fact `mean` of each class.

    Returns:
        (B, C, H, W).

    Source: CGS (CVPR 2026), its representativeness, with another unit of the scale (ours).
    """
    clean = step.pred_original_sample
    pull = torch.zeros_like(clean)
    for rows, facts in context.of_classes:
        pull[rows] = facts["mean"] - clean[rows].mean(0)
    return scale * step.pull * pull
