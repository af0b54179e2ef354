"""Images as bytes, as numbers in [0, 1], and as the normalised pixels that networks see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch

from mgd3_kedro.checks import check_count, check_finite
from mgd3_kedro.evaluation.augment import MEAN, STD
from mgd3_kedro.images import LazyImages

RealImages = torch.Tensor | LazyImages
"""(N, 3, S, S), uint8, in memory or decoded when read."""


class OptimisedImages(NamedTuple):
    """Images found by gradient descent.

    Args:
        images: (..., 3, S, S), uint8, on CPU.
        losses: (T,), float32, on CPU, the loss before each update.
    """

    images: torch.Tensor
    losses: torch.Tensor


def to_unit(images: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Return uint8 images as float32 in [0, 1] on a device."""
    return images.to(device).float() / 255


def to_bytes(images: torch.Tensor, names: Sequence[str] = ()) -> torch.Tensor:
    """Convert images in [0, 1] to uint8 on CPU; values outside are clamped.

    Values are rounded. Released codes cut off the fraction instead, which darkens every pixel.

    Args:
        images: (..., 3, S, S).
        names: Name of each image in messages; by default its number.

    Raises:
        NotFiniteError: If a pixel is not finite; as a byte it would be black.
    """
    samples = images.detach().reshape(-1, *images.shape[-3:])
    remedy = "they are optimised in float32; lower methods.NAME.learning_rate"
    check_finite("pixels", samples, remedy, names)
    return (images.detach().clamp(0, 1) * 255).round().to(torch.uint8).cpu()


def denormalize(images: torch.Tensor) -> torch.Tensor:
    """Undo `evaluation.augment.normalize`, (B, 3, S, S)."""
    mean, std = (images.new_tensor(values)[:, None, None] for values in (MEAN, STD))
    return images * std + mean


def check_real_images(name: str, images: RealImages, ipc: int, needed: int) -> None:
    """Check that images are square, RGB and uint8, and enough to make `ipc` images from.

    Args:
        name: Name of the images in messages.
        images: (N, 3, S, S), uint8.
        ipc: Number of images to make.
        needed: Number of real images needed for that.

    Raises:
        ValueError: If they are not; the message names the images or `ipc`.
    """
    check_count("ipc", ipc)
    shape = tuple(images.shape)
    dtype = images.dtype if isinstance(images, torch.Tensor) else torch.uint8
    if dtype != torch.uint8 or len(shape) != 4 or shape[1] != 3 or shape[2] != shape[3]:
        raise ValueError(
            f"{name}: expected uint8 of shape (N, 3, S, S), got {dtype} of shape {shape}"
        )
    if len(images) < needed:
        raise ValueError(
            f"ipc: expected at least {needed} images of the class to make {ipc} from, "
            f"got {len(images)}"
        )


def draw_rows(count: int, wanted: int, generator: torch.Generator) -> torch.Tensor:
    """Draw rows without replacement, (min(wanted, count),), int64."""
    return torch.randperm(count, generator=generator)[:wanted]
