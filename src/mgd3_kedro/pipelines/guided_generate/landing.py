"""The nearest mode of every distilled image."""

from __future__ import annotations

import torch
from torch.nn.functional import adaptive_avg_pool2d

LAYOUT_GRID = 4
"""Cells per side of a pooled latent, which keeps only the layout of the image."""
NEAREST = ("nearest_mode", "nearest_mode_in_layout")
"""Facts about an image: its nearest mode by latents, and by pooled latents."""


def find_nearest_modes(latents: torch.Tensor, modes: torch.Tensor) -> list[dict[str, int]]:
    """Return the nearest mode of every image of a class, by latents and by pooled latents.

    Args:
        latents: (M, C, H, W), of the images.
        modes: (K, C, H, W).

    Returns:
        For each image, a name of `NEAREST` -> number of the mode.
    """
    nearest = [
        torch.cdist(space(latents).double(), space(modes).double()).argmin(1).tolist()
        for space in (lambda points: points.flatten(1), _layout)
    ]
    return [dict(zip(NEAREST, of_image, strict=True)) for of_image in zip(*nearest, strict=True)]


def _layout(latents: torch.Tensor) -> torch.Tensor:
    height, width = latents.shape[2:]
    grid = (min(LAYOUT_GRID, height), min(LAYOUT_GRID, width))
    return adaptive_avg_pool2d(latents, grid).flatten(1)
