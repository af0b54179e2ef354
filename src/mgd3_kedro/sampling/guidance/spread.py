"""Lambda by class: how sharply the modes of a class say where its images are."""

from __future__ import annotations

import torch

MOST = 4.0
"""Lambda is changed by this factor at most, either way."""


def measure_sharpness(real: torch.Tensor, modes: torch.Tensor, adaptation: float) -> torch.Tensor:
    """Return the factor of lambda for every mode of a class, (K, 1, 1, 1).

    A pull of lambda std (mode - x0) is std^2 times the gradient of log N(mode; x0, std / lambda):
    it states how near to a mode its images lie. Where they lie widely the statement is weaker, by
    their variance: lambda ~ 1 / variance. What the variance is compared with is 1, that of scaled
    latents, and no statistic of the other classes.

    Args:
        real: The latents of the class, (N, C, H, W).
        modes: Its modes, (K, C, H, W).
        adaptation: Exponent of 1 / variance, 0..1; the variance within modes is pooled over the
            class, per dimension, and 1 / variance is held between 1 / `MOST` and `MOST`. A class
            with no more images than modes shows none: its factor is 1.

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
