"""The reverse steps by name."""

from __future__ import annotations

from typing import Protocol

import torch

from mgd3_kedro.backbones.ancestral import ancestral_step
from mgd3_kedro.backbones.ddim import ddim_step
from mgd3_kedro.backbones.schedule import NoiseSchedule
from mgd3_kedro.records import DenoisingStep


class Sampler(Protocol):
    """A function that makes a reverse step from a noise prediction."""

    def __call__(
        self,
        schedule: NoiseSchedule,
        index: int,
        latents: torch.Tensor,
        noise_pred: torch.Tensor,
        variance_pred: torch.Tensor | None = None,
        /,
    ) -> DenoisingStep:
        """Return the step at index i for latents and predicted noise (B, C, H, W)."""


def total_pull(sampler: Sampler, schedule: NoiseSchedule) -> float:
    """Return the sum of the guidance weights over the noisier half of the timesteps.

    Guidance acts in this half. With fewer steps there are fewer pulls. With DDPM the sum falls,
    because the standard deviation of a step grows only with the square root of its length. With
    DDIM the sum hardly depends on the number of steps.
    """
    nothing = torch.zeros(1, 1, 1, 1)
    half = schedule.timesteps[-1] / 2
    steps = [index for index, timestep in enumerate(schedule.timesteps) if timestep > half]
    return sum(float(sampler(schedule, index, nothing, nothing).pull) for index in steps)


SAMPLERS: dict[str, Sampler] = {"ddpm": ancestral_step, "ddim": ddim_step}
