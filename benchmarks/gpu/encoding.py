"""Speed of encoding and decoding by an autoencoder of Stable Diffusion's size."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch

from benchmarks.encoding import ImageSet
from benchmarks.gpu.schedule import Found, GpuBench
from benchmarks.models import LATENT_CHANNELS
from benchmarks.timing import spread_of, time_rounds
from mgd3_kedro.backbones.autoencoder import LatentAutoencoder
from mgd3_kedro.devices import PRECISIONS

if TYPE_CHECKING:
    from diffusers import AutoencoderKL

FULL = ImageSet(classes=1, images=128, side=256, channels=(128, 256, 512, 512))
FEW = ImageSet(classes=1, images=32, side=32, channels=(16, 16, 16))
FORMS = ("bf16", "tf32", "fp32")
SECONDS = 5.0
LEAST = 8.0


def encode_images(bench: GpuBench) -> Iterator[Found | str]:
    """Encode and decode random images from the memory of the host."""
    images = FEW if bench.small else FULL
    pixels = images.load(0)
    for precision in FORMS[-1:] if bench.small else FORMS:
        if bench.left < LEAST:
            yield f"{precision}: left out, as {bench.left:.0f} s are left"
            continue
        vae = build_autoencoder(images, bench.device).to(PRECISIONS[precision].dtype)
        autoencoder = LatentAutoencoder(vae, images.side, PRECISIONS[precision])
        latents = autoencoder.encode(pixels)
        name = f"gpu_{images.side}px_{precision}"
        for verb, compute in (
            ("encode", lambda: autoencoder.encode(pixels)),  # noqa: B023
            ("decode", lambda: autoencoder.decode(latents)),  # noqa: B023
        ):
            rounds = time_rounds(compute, SECONDS)
            rates = [images.images / seconds for seconds in rounds]
            yield Found(f"{name}_{verb}_images_per_second", spread_of(rates))


def build_autoencoder(images: ImageSet, device: str) -> AutoencoderKL:
    """Return an autoencoder with random weights, created on its device.

    Source: latent diffusion (arXiv 2112.10752), released configuration, for the sizes.
    """
    from diffusers import AutoencoderKL

    levels = len(images.channels)
    with torch.device(device):
        vae = AutoencoderKL(
            down_block_types=("DownEncoderBlock2D",) * levels,
            up_block_types=("UpDecoderBlock2D",) * levels,
            block_out_channels=images.channels,
            layers_per_block=2,
            latent_channels=LATENT_CHANNELS,
            norm_num_groups=min(32, images.channels[0]),
            sample_size=images.side,
        )
    return vae.to(device).eval().requires_grad_(False)
