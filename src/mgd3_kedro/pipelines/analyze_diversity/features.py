"""What images are compared by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from mgd3_kedro.backbones import AutoencoderConfig, load_autoencoder
from mgd3_kedro.evaluation.resampling import fit_images
from mgd3_kedro.stages import Task

LEVELS = 255


@dataclass(frozen=True)
class Seeing:
    """How images become features.

    Args:
        features: A name of `FEATURES`.
        image_size: Side that images are brought to, in pixels.
        autoencoder: How images are encoded, where they are.
    """

    features: str
    image_size: int
    autoencoder: AutoencoderConfig | None


class Pair(NamedTuple):
    """Features of a class.

    Args:
        real: (N, D).
        synthetic: (M, D).
    """

    real: NDArray[Any]
    synthetic: NDArray[Any]


def encode_pair(task: Task, seeing: Seeing) -> Pair:
    """Return scaled latents, those of synthetic images by the autoencoder of the prior.

    Source: MGD3 (arXiv 2505.18963), section 4.3.
    """
    if seeing.autoencoder is None:
        raise ValueError("autoencoder: expected how images are encoded, got none")
    autoencoder = load_autoencoder(task.inputs["prior"], seeing.autoencoder)
    fitted = fit_images(task.inputs["images"], seeing.image_size, seeing.image_size)
    real = task.inputs["latents"]["latents"].flatten(1).numpy()
    return Pair(real, autoencoder.encode(fitted).flatten(1).numpy())


def flatten_pair(task: Task, seeing: Seeing) -> Pair:
    """Return pixels in [0, 1]."""

    def flatten(images: torch.Tensor) -> NDArray[Any]:
        fitted = fit_images(images, seeing.image_size, seeing.image_size)
        return (fitted.flatten(1).numpy() / LEVELS).astype(np.float32)

    return Pair(flatten(task.inputs["real"][:]), flatten(task.inputs["images"]))


FEATURES: dict[str, Callable[[Task, Seeing], Pair]] = {
    "latents": encode_pair,
    "pixels": flatten_pair,
}
"""Name -> (images of a class and what they are compared with, how they are seen) -> features."""
