"""Lambda per class: larger if the latents of a class lie close to their modes."""

from __future__ import annotations

import torch

MOST = 4.0
"""Largest factor of lambda; the smallest is its inverse."""


def measure_sharpness(real: torch.Tensor, modes: torch.Tensor, adaptation: float) -> torch.Tensor:
    """Return the factor of lambda for every mode of a class, (K, 1, 1, 1).

    A pull of lambda std (mode - x0) is std^2 times the gradient of log N(mode; x0, std / lambda),
    with std / lambda as the variance. So lambda states how near to a mode its images lie. If they
    are spread widely, the pull should be weaker: lambda ~ 1 / variance. The variance is compared
    with 1, the variance of scaled latents, and not with other classes.

    Args:
        real: The latents of the class, (N, C, H, W).
        modes: Its modes, (K, C, H, W).
        adaptation: Exponent of 1 / variance, 0..1. The variance around the modes is per dimension
            and pooled over the class; 1 / variance is clamped to 1 / `MOST`..`MOST`. If there are
            no more images than modes, the factor is 1.

    Source: scaled latents have unit variance by latent diffusion (arXiv 2112.10752).
    """
    shape = (len(modes), 1, 1, 1)
    freedom = len(real) - len(modes)
    if freedom < 1:
        return torch.ones(shape)
    points, centres = real.flatten(1).double(), modes.flatten(1).double()
    squares = torch.cdist(points, centres).amin(1).square().sum()
    variance = squares / (freedom * points.shape[1])
    sharpness = (1 / variance).clamp(1 / MOST, MOST)
    return (sharpness**adaptation).float().expand(shape).clone()


def scale_pull(pull: torch.Tensor, factors: torch.Tensor) -> torch.Tensor:
    """Return the pull (B, C, H, W) times the factor of each sample, (B, 1, 1, 1)."""
    return pull * factors.to(pull.dtype)
