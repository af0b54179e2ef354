"""A KL autoencoder for small images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn import functional as F

from mgd3_kedro.checks import check_count, check_range
from mgd3_kedro.training.loop import Batch, LoopConfig

if TYPE_CHECKING:
    from diffusers import AutoencoderKL


@dataclass(frozen=True)
class AutoencoderConfig(LoopConfig):
    """Size and training of an autoencoder.

    Args:
        block_channels: Channels per resolution; each further one halves the side.
        latent_channels: Channels of a latent.
        kl_weight: Weight of the KL term against the squared error per pixel value; larger gives
            smoother latents, smaller gives sharper images.
        given: Folder of an `AutoencoderKL` that is kept as it is instead of training one; None to
            train.

    Raises:
        ValueError: Naming the field that does not fit.
    """

    block_channels: tuple[int, ...]
    latent_channels: int
    kl_weight: float
    given: str | None

    def __post_init__(self) -> None:
        super().__post_init__()
        blocks = list(self.block_channels)
        if not blocks or any(channels < 8 or channels % 8 for channels in blocks):
            raise ValueError(f"block_channels: expected some multiples of 8, got {blocks}")
        check_count("latent_channels", self.latent_channels)
        check_range("kl_weight", self.kl_weight, 0)


def build_autoencoder(config: AutoencoderConfig, image_size: int) -> AutoencoderKL:
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
    images: torch.Tensor, config: AutoencoderConfig
) -> Callable[[torch.nn.Module, Batch], torch.Tensor]:
    """Return the loss of a batch: squared error per pixel value plus the weighted KL term.

    Args:
        images: (N, 3, H, W), float in [-1, 1], on the training device.
        config: Holds the weight of the KL term.

    Source: auto-encoding variational Bayes (arXiv 1312.6114), eq. 10.
    """

    def loss_of(model: torch.nn.Module, batch: Batch) -> torch.Tensor:
        vae: AutoencoderKL = model
        pixels = images[batch.indices.to(images.device)]
        posterior = vae.encode(pixels).latent_dist
        noise = torch.randn(posterior.mean.shape, generator=batch.generator).to(pixels.device)
        decoded = vae.decode(posterior.mean + posterior.std * noise).sample
        error = F.mse_loss(decoded.float(), pixels)
        return error + config.kl_weight * posterior.kl().float().sum() / pixels.numel()

    return loss_of
