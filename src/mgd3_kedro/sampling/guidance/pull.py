"""Mode guidance: steering every sample towards its own mode."""

from __future__ import annotations

import torch

from mgd3_kedro.records import DenoisingStep


def pull_towards_modes(
    step: DenoisingStep, modes: torch.Tensor, mode_guidance_scale: float
) -> torch.Tensor:
    """Return what mode guidance adds to the mean of a step, (B, C, H, W).

    Added to the sample, not to the noise prediction: read literally, the paper's Eq. 6 would push
    samples away from their modes.

    Args:
        step: The step of the backbone.
        modes: The mode of each sample, (B, C, H, W).
        mode_guidance_scale: Lambda.

    Source: MGD3 (arXiv 2505.18963), section 3.2, in the form of the released code.
    """
    return mode_guidance_scale * step.pull * (modes - step.pred_original_sample)
