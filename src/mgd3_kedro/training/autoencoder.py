"""A KL autoencoder for small images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn import functional as F

from mgd3_kedro.checks import check_count, check_range
from mgd3_kedro.training.batches import PriorBatch, draw_flips
from mgd3_kedro.training.settings import LoopConfig

if TYPE_CHECKING:
    from diffusers import AutoencoderKL


@dataclass(frozen=True)
class AutoencoderTrainingConfig(LoopConfig):
    """Size and training of an autoencoder.

    Args:
        block_channels: Channels per resolution; each further one halves the side.
        latent_channels: Channels of a latent.
        kl_weight: Weight of the KL term against the squared error per pixel value; larger gives
            smoother latents, smaller gives sharper images.
        given: Folder of an `AutoencoderKL` that is kept as it is instead of training one; None to
            train.

    Raises:
        ValueError: If a value is not valid; the message names the field.
    """

    block_channels: tuple[int, ...]
    latent_channels: int
    kl_weight: float
    given: str | None

    def __post_init__(self) -> None:
        super().__post_init__()
        blocks = list(self.block_channels)
        whole = all(isinstance(channels, int) for channels in blocks)
        if not blocks or not whole or any(channels < 8 or channels % 8 for channels in blocks):
            raise ValueError(f"block_channels: expected a list of multiples of 8, got {blocks}")
        check_count("latent_channels", self.latent_channels)
        check_range("kl_weight", self.kl_weight, 0)


def build_autoencoder(config: AutoencoderTrainingConfig, image_size: int) -> AutoencoderKL:
    """Return an `AutoencoderKL` with weights drawn from the seed.

    Raises:
        ValueError: If the image side cannot be halved as often as there are resolutions.

    Source: latent diffusion (arXiv 2112.10752), at small size.
    """
    from diffusers import AutoencoderKL

    levels = len(config.block_channels)
    if image_size % 2 ** (levels - 1):
        raise ValueError(
            f"block_channels: {levels} resolutions need an image side divisible by "
            f"{2 ** (levels - 1)}, got {image_size}"
        )
    with torch.random.fork_rng():
        torch.manual_seed(config.seed)
        return AutoencoderKL(
            in_channels=3,
            out_channels=3,
            down_block_types=("DownEncoderBlock2D",) * levels,
            up_block_types=("UpDecoderBlock2D",) * levels,
            block_out_channels=tuple(config.block_channels),
            layers_per_block=1,
            latent_channels=config.latent_channels,
            norm_num_groups=8,
            sample_size=image_size,
            mid_block_add_attention=False,
        )


def autoencoder_loss(
    images: torch.Tensor, config: AutoencoderTrainingConfig
) -> Callable[[torch.nn.Module, PriorBatch], torch.Tensor]:
    """Return the loss function of a batch: squared error per pixel value plus weighted KL term.

    Args:
        images: (N, 3, H, W), uint8, on the training device; floats would take four times the
            memory.
        config: Holds the weight of the KL term and the probability of mirroring.

    Raises:
        ValueError: If images are not uint8.

    Source: auto-encoding variational Bayes (arXiv 1312.6114), eq. 10.
    """
    if images.dtype != torch.uint8:
        raise ValueError(
            f"images: expected uint8, got {images.dtype}; pass decoded images, which are scaled "
            "to [-1, 1] batch by batch"
        )

    def loss_of(model: torch.nn.Module, batch: PriorBatch) -> torch.Tensor:
        vae: AutoencoderKL = model
        pixels = images[batch.indices].float().div(127.5).sub(1.0)
        where, source = pixels.device, batch.generator
        flips = draw_flips(len(pixels), config.flip_probability, source, where)
        if flips is not None:
            pixels = torch.where(flips[:, None, None, None], pixels.flip(-1), pixels)
        posterior = vae.encode(pixels).latent_dist
        noise = torch.randn(posterior.mean.shape, generator=source, device=where)
        decoded = vae.decode(posterior.mean + posterior.std * noise).sample
        error = F.mse_loss(decoded.float(), pixels)
        return error + config.kl_weight * posterior.kl().float().sum() / pixels.numel()

    return loss_of
