"""Classifier-free guidance."""

from __future__ import annotations

import torch


def classifier_free(
    conditional: torch.Tensor,
    unconditional: torch.Tensor,
    guidance_scale: float,
    cfg_channels: int | None,
) -> torch.Tensor:
    """Extrapolate from the unconditional towards the conditional noise prediction.

    Args:
        conditional: (B, C, H, W).
        unconditional: (B, C, H, W).
        guidance_scale: 1 gives the conditional prediction, more gives more typical samples.
        cfg_channels: Guide only the first so many channels, None for all; the official DiT guides
            3 of 4.

    Source: classifier-free diffusion guidance (arXiv 2207.12598), eq. 6, in the usual scale + 1.
    """
    combined = unconditional + guidance_scale * (conditional - unconditional)
    if cfg_channels is None:
        return combined
    return torch.cat([combined[:, :cfg_channels], conditional[:, cfg_channels:]], dim=1)
