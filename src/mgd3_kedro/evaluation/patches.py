"""Patch shuffle: permute the rows and the columns of patches of equal size in an image.

Orders are drawn with an explicit CPU generator, so a seed gives the same orders on every device.
"""

from __future__ import annotations

import math

import torch

from mgd3_kedro.checks import check_count
from mgd3_kedro.devices import send


def draw_patch_orders(count: int, factor: int, generator: torch.Generator) -> torch.Tensor:
    """Draw an order of the patches for each of N images.

    As in the released code, the rows of patches are permuted, and independently the columns.
    Patches of one row stay in one row: only four of the 24 orders of 2 x 2 patches are possible.

    Args:
        count: Number of images, N.
        factor: Patches along a side, f.
        generator: Source of randomness, on CPU.

    Returns:
        For each position, row by row, the number of the patch that moves there, (N, f * f), int64.

    Raises:
        ValueError: If `factor` is not a positive whole number.

    Source: RDED (arXiv 2312.03526), released code.
    """
    check_count("factor", factor)
    rows, columns = torch.rand(2, count, factor, generator=generator).argsort(-1)
    return (rows[:, :, None] * factor + columns[:, None]).flatten(1)


def shuffle_patches(images: torch.Tensor, orders: torch.Tensor) -> torch.Tensor:
    """Reorder the patches of each image.

    Args:
        images: (B, C, S, S).
        orders: (B, f * f), from `draw_patch_orders`, on any device.

    Returns:
        (B, C, S, S).

    Raises:
        ValueError: If f does not divide S; the released code would permute patches of unequal
            size.

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
