"""Images to scaled latents and back: the only home of the scaling factor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from mgd3_kedro.backbones.batching import pad_batch

if TYPE_CHECKING:
    from diffusers import AutoencoderKL

SLICE = 16
"""Images that go through the autoencoder at once, never fewer."""


def pixels_to_unit(images: torch.Tensor) -> torch.Tensor:
    """Map uint8 pixels (B, 3, H, W) to floats in [-1, 1].

    Source: ours.
    """
    return images.float().div(127.5).sub(1.0)


def unit_to_pixels(images: torch.Tensor) -> torch.Tensor:
    """Map floats (B, 3, H, W), clipped to [-1, 1], to uint8 pixels, rounding to nearest.

    Source: ours.
    """
    return images.float().clamp(-1, 1).add(1.0).mul(127.5).round().to(torch.uint8)


@dataclass(frozen=True)
class LatentAutoencoder:
    """An autoencoder between images and scaled latents, which are unbounded and of unit variance.

    Args:
        vae: A diffusers autoencoder with a scaling factor, in eval mode.

    Source: latent diffusion (arXiv 2112.10752).
    """

    vae: AutoencoderKL

    @torch.no_grad()
    def encode(self, images: torch.Tensor) -> torch.Tensor:
        """Encode images (N, 3, H, W), uint8, to (N, C, h, w), float32, on the CPU.

        Source: MGD3 (arXiv 2505.18963), section 3.1; the posterior's mean, not a sample of it.
        """

        def encode_slice(batch: torch.Tensor) -> torch.Tensor:
            pixels = pixels_to_unit(batch).to(self.vae.device, self.vae.dtype)
            posterior = self.vae.encode(pixels).latent_dist
            return (posterior.mode() * self.vae.config.scaling_factor).float().cpu()

        return _by_slices(encode_slice, images)

    @torch.no_grad()
    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """Decode scaled latents (N, C, h, w) to (N, 3, H, W), uint8, on the CPU.

        Source: MGD3 (arXiv 2505.18963), section 3.1.
        """

        def decode_slice(batch: torch.Tensor) -> torch.Tensor:
            unscaled = batch / self.vae.config.scaling_factor
            return unit_to_pixels(
                self.vae.decode(unscaled.to(self.vae.device, self.vae.dtype)).sample
            )

        return _by_slices(decode_slice, latents).cpu()


def peak_signal_to_noise(images: torch.Tensor, reconstructed: torch.Tensor) -> float:
    """Return the mean over images of their PSNR in dB, for uint8 pixels (N, 3, H, W).

    Source: the usual definition, peak 255.
    """
    error = (images.double() - reconstructed.double()).square().flatten(1).mean(1)
    return float((10 * torch.log10(255.0**2 / error.clamp_min(1e-10))).mean())


def _by_slices(
    function: Callable[[torch.Tensor], torch.Tensor], rows: torch.Tensor
) -> torch.Tensor:
    # Convolutions choose their kernel by batch size and memory layout, which changes the last bits
    # and with them some bytes of an image; so both are always the same.
    slices = rows.contiguous().split(SLICE)
    return torch.cat([function(pad_batch(part, SLICE))[: len(part)] for part in slices])
