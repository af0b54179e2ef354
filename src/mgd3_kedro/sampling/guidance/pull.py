"""Mode guidance: steering every sample towards its own mode."""

from __future__ import annotations

import torch
from torch.nn.functional import adaptive_avg_pool2d

from mgd3_kedro.records import DenoisingStep


def pull_towards_modes(
    step: DenoisingStep, modes: torch.Tensor, weight: torch.Tensor | float, grid: int | None = None
) -> torch.Tensor:
    """Return the term that mode guidance adds to the mean of a step, (B, C, H, W).

    The term is added to the sample, not to the noise prediction: read literally, the paper's Eq. 6
    would push samples away from their modes.

    Args:
        step: The step of the backbone.
        modes: The mode of each sample, (B, C, H, W).
        weight: Factor of the difference between the mode and the clean sample, broadcastable to
            (B, C, H, W); in the paper lambda times the standard deviation of the step.
        grid: Cells per side of a grid. The pull is averaged within each cell, so that it moves
            layout and leaves detail to the model. None: no averaging.

    Raises:
        ValueError: If the grid does not divide the sides of latents.

    Source: MGD3 (arXiv 2505.18963), section 3.2, in the form of the released code.
    """
    difference = modes - step.pred_original_sample
    if grid is not None:
        difference = average_cells(difference, grid)
    return weight * difference


def average_cells(latents: torch.Tensor, grid: int) -> torch.Tensor:
    """Replace every value by the mean of its cell in a square grid, (B, C, H, W).

    Args:
        latents: (B, C, H, W).
        grid: Cells per side; a side with no more places than this is not averaged.

    Raises:
        ValueError: If the grid does not divide the sides of latents.

    Source: an orthogonal projection: applying it a second time changes nothing.
    """
    height, width = latents.shape[2:]
    rows, columns = (cells_along(grid, side) for side in (height, width))
    means = adaptive_avg_pool2d(latents, (rows, columns))
    return means.repeat_interleave(height // rows, 2).repeat_interleave(width // columns, 3)


def cells_along(grid: int, side: int) -> int:
    """Return the number of cells of a grid along a side of latents, at most one per place.

    Raises:
        ValueError: If the number does not divide the side.
    """
    cells = min(grid, side)
    if side % cells:
        raise ValueError(
            f"pull_pool: expected a divisor of {side}, the side of latents, got {grid}"
        )
    return cells
