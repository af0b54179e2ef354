"""Images to scaled latents and back; the scaling factor is applied nowhere else."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional as F

from mgd3_kedro.checks import check_finite
from mgd3_kedro.devices import PRECISIONS, Precision, matmul_precision, send
from mgd3_kedro.rows import pad_batch

if TYPE_CHECKING:
    from diffusers import AutoencoderKL, VQModel

SLICE = 16
"""Images of up to 256 px in one pass of the autoencoder; smaller batches are padded to it."""
SLICE_PIXELS = SLICE * 256**2


def pixels_to_unit(images: torch.Tensor) -> torch.Tensor:
    """Map uint8 pixels (B, 3, H, W) to floats in [-1, 1]."""
    return images.float().div(127.5).sub(1.0)


def unit_to_pixels(images: torch.Tensor) -> torch.Tensor:
    """Map floats (B, 3, H, W), clipped to [-1, 1], to uint8 pixels, rounding to nearest."""
    return images.float().clamp(-1, 1).add(1.0).mul(127.5).round().to(torch.uint8)


@dataclass(frozen=True, eq=False)
class LatentAutoencoder:
    """An autoencoder between images and scaled latents, which are unbounded and of unit variance.

    Args:
        vae: A diffusers autoencoder with a scaling factor, in eval mode; its posterior is a
            Gaussian or, with a codebook, a point.
        image_size: Side in pixels of the images it works on; other images are resized.
        precision: Number format of its weights, and whether TF32 is allowed.

    Source: latent diffusion (arXiv 2112.10752).
    """

    vae: AutoencoderKL | VQModel
    image_size: int
    precision: Precision = PRECISIONS["fp32"]

    @cached_property
    def device(self) -> torch.device:
        """Device of the autoencoder."""
        return self.vae.device

    @property
    def slice_size(self) -> int:
        """Images in one pass; it depends only on the size of images."""
        return max(1, min(SLICE, SLICE_PIXELS // self.image_size**2))

    @torch.no_grad()
    def encode(
        self,
        images: torch.Tensor,
        generators: Sequence[torch.Generator] | None = None,
        names: Sequence[str] = (),
    ) -> torch.Tensor:
        """Encode images (N, 3, S, S), uint8, to (N, C, H, W), float32, on the CPU.

        Args:
            images: (N, 3, S, S), uint8.
            generators: One per image, to draw latents from the posterior; None for its mean.
            names: Name of each image in messages; by default its number.

        Raises:
            NotFiniteError: If a latent is not finite.

        Source: MGD3 (arXiv 2505.18963), section 3.1.
        """
        with matmul_precision(self.precision):
            mean, std = _by_slices(self._posterior, images, self.slice_size)
        if generators is not None:
            shape = mean.shape[1:]
            noise = [torch.randn(shape, generator=generator) for generator in generators]
            mean = mean + std * torch.stack(noise)
        latents = mean * self.vae.config.scaling_factor
        check_finite("latents", latents, self._remedy, names)
        return latents

    @torch.no_grad()
    def decode(
        self,
        latents: torch.Tensor,
        image_size: int | None = None,
        names: Sequence[str] = (),
    ) -> torch.Tensor:
        """Decode scaled latents (N, C, H, W) to (N, 3, S, S), uint8, on the CPU.

        Args:
            latents: Scaled latents.
            image_size: S; None for the side that the autoencoder works on.
            names: Name of each image in messages; by default its number.

        Raises:
            NotFiniteError: If a pixel is not finite; as a byte it would be black.

        Source: MGD3 (arXiv 2505.18963), section 3.1.
        """

        def decode_slice(batch: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            unscaled = batch / self.vae.config.scaling_factor
            images = self.vae.decode(send(unscaled, self.device).to(self.vae.dtype)).sample.float()
            pixels = unit_to_pixels(_resized(images, image_size or self.image_size))
            return pixels, images.abs().amax((1, 2, 3))

        with matmul_precision(self.precision):
            pixels, largest = _by_slices(decode_slice, latents, self.slice_size)
        check_finite("decoded images", largest[:, None], self._remedy, names)
        return pixels

    @property
    def _remedy(self) -> str:
        if self.vae.dtype == torch.float16:
            return (
                "the autoencoder computes in float16, which ends at 65504; set "
                "autoencoder.precision=bf16 or fp32"
            )
        dtype = str(self.vae.dtype).removeprefix("torch.")
        return f"the autoencoder computes in {dtype}; check its weights and what it is given"

    def _posterior(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        pixels = _resized(pixels_to_unit(send(images, self.device)), self.image_size)
        encoded = self.vae.encode(pixels.to(self.vae.dtype))
        if "latents" in encoded:
            mean = encoded.latents
            std = torch.zeros_like(mean)
        else:
            mean, std = encoded.latent_dist.mode(), encoded.latent_dist.std
        return mean.float(), std.float()


def image_side(vae: Any, denoiser: Path) -> int:
    """Return the side in pixels of the images that a denoiser's latents decode to.

    Args:
        vae: The autoencoder, which halves the side between two levels.
        denoiser: Folder of the denoiser, whose configuration has the side of its latents.
    """
    latent_side = json.loads((denoiser / "config.json").read_text(encoding="utf-8"))["sample_size"]
    return int(latent_side * 2 ** (len(vae.config.block_out_channels) - 1))


def side_of_images(autoencoder: Path, denoiser: Path) -> int:
    """Return the side in pixels of the images that a model works on, without loading it.

    Args:
        autoencoder: Folder of the autoencoder, whose configuration has its levels.
        denoiser: Folder of the denoiser, whose configuration has the side of its latents.
    """
    levels, side = (
        json.loads((folder / "config.json").read_text(encoding="utf-8"))[name]
        for folder, name in ((autoencoder, "block_out_channels"), (denoiser, "sample_size"))
    )
    return int(side * 2 ** (len(levels) - 1))


def peak_signal_to_noise(images: torch.Tensor, reconstructed: torch.Tensor) -> float:
    """Return the mean over images of their PSNR in dB, for uint8 pixels (N, 3, H, W).

    Source: the usual definition, peak 255.
    """
    error = (images.double() - reconstructed.double()).square().flatten(1).mean(1)
    return float((10 * torch.log10(255.0**2 / error.clamp_min(1e-10))).mean())


def _resized(images: torch.Tensor, side: int) -> torch.Tensor:
    if images.shape[-2:] == (side, side):
        return images
    return F.interpolate(images, size=(side, side), mode="bicubic", antialias=True)


def _by_slices(
    function: Callable[[torch.Tensor], tuple[torch.Tensor, ...]], rows: torch.Tensor, size: int
) -> tuple[torch.Tensor, ...]:
    # The kernel of a convolution depends on batch size and memory layout. Another kernel changes
    # the last bits, and with them some bytes of an image. So both are always the same.
    parts = [
        tuple(made[: len(part)] for made in function(pad_batch(part, size)))
        for part in rows.contiguous().split(size)
    ]
    # The host waits for the device only here, not after each slice.
    return tuple(torch.cat(made).cpu() for made in zip(*parts, strict=True))
