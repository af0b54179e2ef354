"""The reverse step of DDPM: a draw from the posterior of the previous sample."""

from __future__ import annotations

import math

import torch

from mgd3_kedro.backbones.schedule import NoiseSchedule
from mgd3_kedro.records import DenoisingStep

SMALLEST_VARIANCE = 1e-20


def ancestral_step(
    schedule: NoiseSchedule,
    index: int,
    latents: torch.Tensor,
    noise_pred: torch.Tensor,
    variance_pred: torch.Tensor | None = None,
) -> DenoisingStep:
    """Return mean and standard deviation of the posterior of the previous sample.

    The pull towards a mode is weighted by the standard deviation of the step, as in the runs that
    gave the published numbers.

    Args:
        schedule: The respaced noise schedule.
        index: Step index i, T-1 down to 0.
        latents: x_t, (B, C, H, W).
        noise_pred: Predicted noise, (B, C, H, W).
        variance_pred: Position of the log variance between its two bounds, -1..1, (B, C, H, W);
            None for the lower bound.

    Source: DDPM (arXiv 2006.11239), eq. 6-7 and 15; learned range as in arXiv 2102.09672, eq. 15.
    """
    alpha_bar, alpha_bar_prev = schedule.alpha_cumprod(index), schedule.alpha_cumprod(index - 1)
    alpha = alpha_bar / alpha_bar_prev
    beta = 1 - alpha

    # 1. The clean sample, not clipped: latents are unbounded.
    clean = (latents - math.sqrt(1 - alpha_bar) * noise_pred) / math.sqrt(alpha_bar)

    # 2. Posterior mean.
    coef_clean = math.sqrt(alpha_bar_prev) * beta / (1 - alpha_bar)
    coef_noisy = math.sqrt(alpha) * (1 - alpha_bar_prev) / (1 - alpha_bar)
    mean = coef_clean * clean + coef_noisy * latents

    # 3. Posterior standard deviation; the last step is deterministic.
    if index == 0:
        std = latents.new_zeros((1, 1, 1, 1))
    else:
        low = math.log(max(beta * (1 - alpha_bar_prev) / (1 - alpha_bar), SMALLEST_VARIANCE))
        if variance_pred is None:
            std = latents.new_full((1, 1, 1, 1), math.exp(0.5 * low))
        else:
            share = (variance_pred + 1) / 2
            std = (0.5 * (share * math.log(beta) + (1 - share) * low)).exp()
    return DenoisingStep(mean, std, clean, std, coef_clean, alpha_bar, index, latents)
