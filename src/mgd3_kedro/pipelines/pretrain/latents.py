"""Latents of a split, encoded once for the training and the measurement of a denoiser."""

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
        mirrored: Latents of the mirrored images, (N, C, H, W); None without mirroring.
        labels: (N,), int64, labels of the benchmark.
    """

    latents: torch.Tensor
    mirrored: torch.Tensor | None
    labels: torch.Tensor

    def features_of(self, label: int) -> NDArray[np.float32]:
        """Return the flattened latents of a class, (n, D), or (2n, D) with mirrored images."""
        both = [self.latents] if self.mirrored is None else [self.latents, self.mirrored]
        return torch.cat([of[self.labels == label] for of in both]).flatten(1).numpy()


def encode_split(
    benchmark: Benchmark,
    images: Mapping[str, Partition],
    autoencoder: Trained,
    config: DenoiserConfig,
) -> EncodedImages:
    """Encode all images of a split, and the mirrored images if the denoiser is trained on them.

    Args:
        benchmark: Classes and image size.
        images: wnid -> images (N, 3, H, W), uint8.
        autoencoder: The autoencoder.
        config: Configuration of the denoiser, with `flip_probability`.
    """
    data = real_images(benchmark, images)
    model = LatentAutoencoder(autoencoder.model, benchmark.image_size)
    mirrored = model.encode(data.images.flip(-1)) if config.flip_probability > 0 else None
    return EncodedImages(model.encode(data.images), mirrored, data.labels)


def scaling_factor_of(unscaled: torch.Tensor) -> float:
    """Return the factor that scales latents to a standard deviation of 1, to four digits.

    The last bits of latents differ between processors. A rounded factor keeps the autoencoder the
    same, so an interrupted training of the denoiser can be resumed on another processor.

    Args:
        unscaled: (N, C, H, W).

    Source: latent diffusion (arXiv 2112.10752), appendix G.
    """
    return float(f"{1 / float(unscaled.std()):.4g}")
