"""Features of real and synthetic images for the analysis of diversity."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mgd3_kedro.backbones import AutoencoderConfig, load_autoencoder
from mgd3_kedro.evaluation.resampling import fit_images
from mgd3_kedro.stages import Task

LEVELS = 255


@dataclass(frozen=True)
class FeatureSettings:
    """Settings of feature extraction.

    Args:
        features: A name of `REAL_FEATURES` and `SYNTHETIC_FEATURES`.
        image_size: Side that images are resized to, in pixels.
        autoencoder: Configuration of the autoencoder; None for pixels.
    """

    features: str
    image_size: int
    autoencoder: AutoencoderConfig | None


def encode_synthetic(task: Task, seeing: FeatureSettings) -> NDArray[Any]:
    """Return scaled latents of synthetic images, (M, D), from the autoencoder of the prior.

    Raises:
        ValueError: If there is no autoencoder.

    Source: MGD3 (arXiv 2505.18963), section 4.3.
    """
    if seeing.autoencoder is None:
        raise ValueError(
            "autoencoder: expected settings of the autoencoder that encodes the images, got none"
        )
    autoencoder = load_autoencoder(task.inputs["prior"], seeing.autoencoder)
    fitted = fit_images(task.inputs["images"], seeing.image_size, seeing.image_size)
    return autoencoder.encode(fitted).flatten(1).numpy()


def take_latents(task: Task, seeing: FeatureSettings) -> NDArray[Any]:
    """Return the stored scaled latents of real images, (N, D)."""
    return task.inputs["real"]["latents"].flatten(1).numpy()


def flatten_synthetic(task: Task, seeing: FeatureSettings) -> NDArray[Any]:
    """Return the pixels of synthetic images in [0, 1], (M, D)."""
    return _flatten(task.inputs["images"], seeing)


def flatten_real(task: Task, seeing: FeatureSettings) -> NDArray[Any]:
    """Return the pixels of real images in [0, 1], (N, D)."""
    return _flatten(task.inputs["real"][:], seeing)


def _flatten(images: torch.Tensor, seeing: FeatureSettings) -> NDArray[Any]:
    fitted = fit_images(images, seeing.image_size, seeing.image_size)
    return (fitted.flatten(1).numpy() / LEVELS).astype(np.float32)


Features = Callable[[Task, FeatureSettings], NDArray[Any]]

REAL_FEATURES: dict[str, Features] = {"latents": take_latents, "pixels": flatten_real}
"""Name -> (task of a class, settings) -> features of its real images, (N, D)."""

SYNTHETIC_FEATURES: dict[str, Features] = {
    "latents": encode_synthetic,
    "pixels": flatten_synthetic,
}
"""Name -> (task of a class, settings) -> features of its synthetic images, (M, D)."""
