"""The reverse steps by name."""

from __future__ import annotations

from typing import Protocol

import torch

from mgd3_kedro.backbones.ancestral import ancestral_step
from mgd3_kedro.backbones.ddim import ddim_step
from mgd3_kedro.backbones.schedule import NoiseSchedule
from mgd3_kedro.records import DenoisingStep


class Sampler(Protocol):
    """Makes a reverse step from a noise prediction."""

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
    """Return what guidance of the clean sample adds up to over the noisier half of the timesteps.

    That is where guidance acts. Fewer steps are fewer pulls, and with DDPM weaker ones for their
    length, as the standard deviation grows with the root of a step only; with DDIM the sum hardly
    depends on their number.
    """
    nothing = torch.zeros(1, 1, 1, 1)
    half = schedule.timesteps[-1] / 2
    steps = [index for index, timestep in enumerate(schedule.timesteps) if timestep > half]
    return sum(float(sampler(schedule, index, nothing, nothing).pull) for index in steps)


SAMPLERS: dict[str, Sampler] = {"ddpm": ancestral_step, "ddim": ddim_step}
