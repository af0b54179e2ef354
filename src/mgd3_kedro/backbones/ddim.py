"""The deterministic reverse step of DDIM (eta 0)."""

from __future__ import annotations

import math

import torch

from mgd3_kedro.backbones.schedule import NoiseSchedule
from mgd3_kedro.records import DenoisingStep


def ddim_step(
    schedule: NoiseSchedule,
    index: int,
    latents: torch.Tensor,
    noise_pred: torch.Tensor,
    variance_pred: torch.Tensor | None = None,
) -> DenoisingStep:
    """Return the previous sample, which DDIM computes without drawing noise.

    If the clean sample moves by d and the noise is recomputed from it, the previous sample moves by
    `pull` x d. So guidance of the clean sample is added to the mean, as with DDPM.

    Args:
        schedule: The respaced noise schedule.
        index: Step index i, T-1 down to 0.
        latents: x_t, (B, C, H, W).
        noise_pred: Predicted noise, (B, C, H, W).
        variance_pred: Not used; a deterministic step has none.

    Source: DDIM (arXiv 2010.02502), eq. 12 with sigma 0.
    """
    alpha_bar, alpha_bar_prev = schedule.alpha_cumprod(index), schedule.alpha_cumprod(index - 1)
    clean = (latents - math.sqrt(1 - alpha_bar) * noise_pred) / math.sqrt(alpha_bar)
    mean = math.sqrt(alpha_bar_prev) * clean + math.sqrt(1 - alpha_bar_prev) * noise_pred
    noise_per_clean = math.sqrt((1 - alpha_bar_prev) * alpha_bar / (1 - alpha_bar))
    clean_weight = math.sqrt(alpha_bar_prev) - noise_per_clean
    pull = latents.new_full((1, 1, 1, 1), clean_weight)
    std = latents.new_zeros((1, 1, 1, 1))
    return DenoisingStep(mean, std, clean, pull, clean_weight, alpha_bar, index, latents)
