"""Which mode every image ended at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn.functional import adaptive_avg_pool2d

if TYPE_CHECKING:
    import pandas as pd

LAYOUT_GRID = 4
"""Cells per side of what is left of a latent where its layout alone is looked at."""
SPACES = {"nearest_mode": "", "nearest_mode_in_layout": "_in_layout"}
"""Fact about an image -> how the names of what is summed up of it end."""


def find_nearest_modes(latents: torch.Tensor, modes: torch.Tensor) -> list[dict[str, int]]:
    """Return the mode nearest to every image of a class, by latents and by layout.

    Args:
        latents: (M, C, H, W), of the images.
        modes: (K, C, H, W).
    """
    nearest = [
        torch.cdist(space(latents).double(), space(modes).double()).argmin(1).tolist()
        for space in (lambda points: points.flatten(1), _layout)
    ]
    return [dict(zip(SPACES, of_image, strict=True)) for of_image in zip(*nearest, strict=True)]


def sum_up_landing(provenance: pd.DataFrame) -> dict[str, float]:
    """Return the share of images that ended at their own mode, and the modes that images ended at.

    Args:
        provenance: One row per image.

    Returns:
        Name -> value; nothing where images were made without modes. `own_mode_rate` is a share, and
        `modes_hit` the mean over classes of how many modes have an image.
    """
    found: dict[str, float] = {}
    for fact, ending in SPACES.items():
        if fact in provenance and provenance[fact].notna().all():
            found[f"own_mode_rate{ending}"] = float((provenance[fact] == provenance["mode"]).mean())
            hit = provenance.groupby("wnid")[fact].nunique()
            found[f"modes_hit{ending}"] = float(hit.mean())
    return found


def _layout(latents: torch.Tensor) -> torch.Tensor:
    height, width = latents.shape[2:]
    grid = (min(LAYOUT_GRID, height), min(LAYOUT_GRID, width))
    return adaptive_avg_pool2d(latents, grid).flatten(1)
