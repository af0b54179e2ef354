"""Mode guidance: steering every sample towards its own mode."""

from __future__ import annotations

import torch
from torch.nn.functional import adaptive_avg_pool2d

from mgd3_kedro.records import DenoisingStep


def pull_towards_modes(
    step: DenoisingStep, modes: torch.Tensor, weight: torch.Tensor | float, grid: int | None = None
) -> torch.Tensor:
    """Return what mode guidance adds to the mean of a step, (B, C, H, W).

    Added to the sample, not to the noise prediction: read literally, the paper's Eq. 6 would push
    samples away from their modes.

    Args:
        step: The step of the backbone.
        modes: The mode of each sample, (B, C, H, W).
        weight: What the way from the clean sample to the mode is multiplied by, broadcastable to
            (B, C, H, W); in the paper lambda times the deviation of the step.
        grid: Cells per side; the pull is then the same within each, so that it moves layout and
            leaves detail to the model. None: it differs from place to place.

    Raises:
        ValueError: If the grid does not divide the sides of latents.

    Source: MGD3 (arXiv 2505.18963), section 3.2, in the form of the released code.
    """
    difference = modes - step.pred_original_sample
    if grid is not None:
        difference = average_cells(difference, grid)
    return weight * difference


def average_cells(latents: torch.Tensor, grid: int) -> torch.Tensor:
    """Return latents (B, C, H, W) with the mean of each cell of a square grid in all its places.

    Args:
        latents: What is averaged.
        grid: Cells per side; a side that has no more places than that keeps them.

    Raises:
        ValueError: If cells are not of one size.

    Source: an orthogonal projection: done twice it is what it is done once.
    """
    height, width = latents.shape[2:]
    rows, columns = (cells_along(grid, side) for side in (height, width))
    means = adaptive_avg_pool2d(latents, (rows, columns))
    return means.repeat_interleave(height // rows, 2).repeat_interleave(width // columns, 3)


def cells_along(grid: int, side: int) -> int:
    """Return the cells of a grid along a side of latents, one for each place where it is finer.

    Raises:
        ValueError: If they are not of one size.
    """
    cells = min(grid, side)
    if side % cells:
        raise ValueError(
            f"pull_pool: expected a divisor of {side}, the side of latents, got {grid}"
        )
    return cells
