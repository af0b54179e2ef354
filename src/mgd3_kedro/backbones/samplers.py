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


SAMPLERS: dict[str, Sampler] = {"ddpm": ancestral_step, "ddim": ddim_step}
