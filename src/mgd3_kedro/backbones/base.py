"""What sampling asks of a generative model."""

from __future__ import annotations

from typing import Protocol

import torch

from mgd3_kedro.records import DenoisingStep


class Autoencoder(Protocol):
    """Images to latents and back."""

    def encode(self, images: torch.Tensor) -> torch.Tensor:
        """Turn uint8 images (N, 3, H, W) into scaled latents (N, C, h, w)."""

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """Turn scaled latents (N, C, h, w) into uint8 images (N, 3, H, W)."""


class Backbone(Protocol):
    """A pre-trained diffusion model behind one interface, whatever its family.

    Step indices run from T-1 (pure noise) down to 0.
    """

    @property
    def autoencoder(self) -> Autoencoder:
        """The autoencoder whose latents are denoised."""

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of a latent."""

    @property
    def num_inference_steps(self) -> int:
        """T, the number of reverse steps."""

    @property
    def num_classes(self) -> int:
        """Size of the label space; class indices are below it."""

    def step(self, index: int, latents: torch.Tensor, classes: torch.Tensor) -> DenoisingStep:
        """Predict one reverse step for latents (B, C, H, W) of classes (B,)."""

    def add_noise(self, latents: torch.Tensor, noise: torch.Tensor, index: int) -> torch.Tensor:
        """Bring clean latents (B, C, H, W) to the noise level of a step index."""
