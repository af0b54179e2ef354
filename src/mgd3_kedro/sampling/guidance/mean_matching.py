"""Mean matching: the mean of the images of a class is steered to that of the real ones."""

from __future__ import annotations

import torch

from mgd3_kedro.records import DenoisingStep
from mgd3_kedro.sampling.guidance.context import GuidanceContext


def match_mean(step: DenoisingStep, scale: float, context: GuidanceContext) -> torch.Tensor:
    """Return what moves all images of a class by as much, (B, C, H, W).

    Args:
        step: The step of the backbone.
        scale: In units of lambda.
        context: Of each class its `mean`.

    Source: CGS (CVPR 2026), its representativeness, but for the unit of the scale.
    """
    clean = step.pred_original_sample
    pull = torch.zeros_like(clean)
    for rows, facts in context.of_classes:
        pull[rows] = facts["mean"] - clean[rows].mean(0)
    return scale * step.pull * pull
