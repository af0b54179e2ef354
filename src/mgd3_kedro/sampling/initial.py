"""Where the reverse process starts."""

from __future__ import annotations

from collections.abc import Callable

import torch

from mgd3_kedro.backbones.base import Backbone


def standard_noise(
    backbone: Backbone, modes: torch.Tensor, noise: torch.Tensor, noise_strength: float
) -> tuple[torch.Tensor, int]:
    """Start from pure noise at the noisiest step.

    Returns:
        Latents (B, C, H, W) and the first step index.

    Source: DDPM (arXiv 2006.11239).
    """
    return noise, len(backbone.timesteps) - 1


def noised_modes(
    backbone: Backbone, modes: torch.Tensor, noise: torch.Tensor, noise_strength: float
) -> tuple[torch.Tensor, int]:
    """Start from noised modes at a later step, so that only a share of the steps is run.

    Args:
        backbone: Its noise schedule gives the noise level of the first step.
        modes: The mode of each sample, (B, C, H, W).
        noise: Standard normal, (B, C, H, W).
        noise_strength: Share of the steps to run, rounded down: 0.7 of 50 steps are the last 35,
            0.75 of 50 the last 37.

    Returns:
        Latents (B, C, H, W) and the first step index.

    Source: D4M (arXiv 2407.15138), released code.
    """
    first = steps_run(len(backbone.timesteps), noise_strength) - 1
    return backbone.add_noise(modes, noise, first), first


def steps_run(steps: int, noise_strength: float) -> int:
    """Return how many of all steps are run if the start is a noised mode, at least one.

    Source: D4M (arXiv 2407.15138), released code.
    """
    return max(1, int(steps * noise_strength))


InitialLatents = Callable[[Backbone, torch.Tensor, torch.Tensor, float], tuple[torch.Tensor, int]]

INITIAL_LATENTS: dict[str, InitialLatents] = {"noise": standard_noise, "noised_modes": noised_modes}
