"""What sampling asks of a generative model, and what a diffusion model asks of its network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch

from mgd3_kedro.records import ClassSpec, DenoisingStep


class Backbone(Protocol):
    """A pre-trained diffusion model behind one interface, whatever its family.

    Step indices run from T-1 (pure noise) down to 0.
    """

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of a latent."""

    @property
    def timesteps(self) -> tuple[int, ...]:
        """The T visited timesteps of training, ascending; step index i visits timesteps[i]."""

    @property
    def device(self) -> torch.device:
        """Where steps are computed."""

    def conditions(self, classes: Sequence[ClassSpec]) -> torch.Tensor:
        """Return what tells the model the class of each sample, (B, ...), on its device."""

    def step(self, index: int, latents: torch.Tensor, conditions: torch.Tensor) -> DenoisingStep:
        """Predict one reverse step for latents (B, C, H, W) under conditions (B, ...)."""

    def add_noise(self, latents: torch.Tensor, noise: torch.Tensor, index: int) -> torch.Tensor:
        """Bring clean latents (B, C, H, W) to the noise level of a step index."""


class Denoiser(Protocol):
    """The network of a diffusion model: one forward pass, and what it is conditioned on."""

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of a latent."""

    @property
    def device(self) -> torch.device:
        """Where the network is."""

    def conditions(self, classes: Sequence[ClassSpec]) -> torch.Tensor:
        """Return what stands for each sample's class, (B, ...).

        Raises:
            ValueError: If the network does not know a class.
        """

    def null_condition(self) -> torch.Tensor:
        """Return what stands for no class, (1, ...)."""

    def predict(
        self, latents: torch.Tensor, timesteps: torch.Tensor, conditions: torch.Tensor
    ) -> torch.Tensor:
        """Return the output (B, C, H, W), or (B, 2C, H, W) with a share of the log variance."""
