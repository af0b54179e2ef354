"""Latents of a split: encoded once, for the training of a denoiser and what is measured of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from mgd3_kedro.backbones.autoencoder import LatentAutoencoder
from mgd3_kedro.benchmark import Benchmark
from mgd3_kedro.pipelines.pretrain.images import real_images
from mgd3_kedro.stages import Partition
from mgd3_kedro.training.denoiser import DenoiserConfig
from mgd3_kedro.training.loop import Trained


@dataclass(frozen=True)
class EncodedImages:
    """Scaled latents of all classes of a split, on the CPU.

    Args:
        latents: (N, C, H, W).
        mirrored: Those of the mirrored images, (N, C, H, W); None where nothing is mirrored.
        labels: (N,), int64, places among the benchmark's classes.
    """

    latents: torch.Tensor
    mirrored: torch.Tensor | None
    labels: torch.Tensor

    def features_of(self, label: int) -> NDArray[np.float32]:
        """Return a class's latents in every orientation, flattened, (n, D) or (2n, D)."""
        both = [self.latents] if self.mirrored is None else [self.latents, self.mirrored]
        return torch.cat([of[self.labels == label] for of in both]).flatten(1).numpy()


def encode_split(
    benchmark: Benchmark,
    images: Mapping[str, Partition],
    autoencoder: Trained,
    config: DenoiserConfig,
) -> EncodedImages:
    """Encode all images of a split, mirrored ones too where the denoiser is to see them.

    Args:
        benchmark: Classes and image size.
        images: wnid -> images (N, 3, H, W), uint8.
        autoencoder: Gives the latents.
        config: Says whether images are mirrored.
    """
    data = real_images(benchmark, images)
    model = LatentAutoencoder(autoencoder.model, benchmark.image_size)
    mirrored = model.encode(data.images.flip(-1)) if config.flip_probability > 0 else None
    return EncodedImages(model.encode(data.images), mirrored, data.labels)


def scaling_factor_of(unscaled: torch.Tensor) -> float:
    """Return what brings latents to a standard deviation of 1, to four digits.

    Another processor computes other last bits of the same latents; a denoiser that was interrupted
    goes on there all the same, as its autoencoder is no other.

    Args:
        unscaled: (N, C, H, W).

    Source: latent diffusion (arXiv 2112.10752), appendix G.
    """
    return float(f"{1 / float(unscaled.std()):.4g}")
