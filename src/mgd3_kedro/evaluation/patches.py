"""Patch shuffle: rows and columns of equal patches of an image change places.

Drawing takes an explicit CPU generator, so that a seed means the same on every device.
"""

from __future__ import annotations

import math

import torch

from mgd3_kedro.checks import check_count
from mgd3_kedro.devices import send


def draw_patch_orders(count: int, factor: int, generator: torch.Generator) -> torch.Tensor:
    """Draw where the patches of N images come from.

    The released code permutes the rows of patches and, independently, the columns: of the 24
    orders of 2 x 2 patches only four can occur, and patches of one row stay in one row.

    Args:
        count: Number of images, N.
        factor: Patches along a side, f.
        generator: Source of randomness, on CPU.

    Returns:
        For each place, row by row, the number of the patch that is put there, (N, f * f), int64.

    Raises:
        ValueError: If `factor` is no positive whole number.

    Source: RDED (arXiv 2312.03526), released code.
    """
    check_count("factor", factor)
    rows, columns = torch.rand(2, count, factor, generator=generator).argsort(-1)
    return (rows[:, :, None] * factor + columns[:, None]).flatten(1)


def shuffle_patches(images: torch.Tensor, orders: torch.Tensor) -> torch.Tensor:
    """Put the patches of each image into an order.

    Args:
        images: (B, C, S, S).
        orders: (B, f * f), as drawn, on any device.

    Raises:
        ValueError: If f does not divide S: the released code would let patches of unequal size
            change places.

    Source: RDED (arXiv 2312.03526), released code.
    """
    count, channels, size, _ = images.shape
    factor = math.isqrt(orders.shape[1])
    if size % factor:
        raise ValueError(
            f"factor: expected a divisor of the image side {size} for patches of equal size, "
            f"got {factor}"
        )
    if factor == 1:
        return images
    side = size // factor
    patches = images.reshape(count, channels, factor, side, factor, side)
    patches = patches.permute(0, 2, 4, 1, 3, 5).flatten(1, 2)
    chosen = send(orders, images.device)[:, :, None, None, None].expand_as(patches)
    moved = patches.gather(1, chosen).unflatten(1, (factor, factor))
    return moved.permute(0, 3, 1, 4, 2, 5).reshape(images.shape)
