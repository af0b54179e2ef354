"""Images made of smaller ones: factor x factor patches in reading order."""

from __future__ import annotations

import torch


def tile(patches: torch.Tensor, factor: int) -> torch.Tensor:
    """Put patches together to images.

    Args:
        patches: (N, factor * factor, C, s, s).
        factor: Patches along a side.

    Returns:
        (N, C, factor * s, factor * s).
    """
    grid = patches.unflatten(1, (factor, factor))
    return grid.permute(0, 3, 1, 4, 2, 5).flatten(4, 5).flatten(2, 3)


def untile(images: torch.Tensor, factor: int) -> torch.Tensor:
    """Cut images into patches; the inverse of `tile`.

    Args:
        images: (N, C, S, S), S a multiple of `factor`.
        factor: Patches along a side.

    Returns:
        (N, factor * factor, C, S / factor, S / factor).
    """
    side = images.shape[-1] // factor
    grid = images.unflatten(3, (factor, side)).unflatten(2, (factor, side))
    return grid.permute(0, 2, 4, 1, 3, 5).flatten(1, 2)


def check_divisible(image_size: int, factor: int) -> None:
    """Check that the side of an image is a multiple of the number of patches along it.

    Raises:
        ValueError: If it is not; the message gives the nearest sides that are.
    """
    rest = image_size % factor
    if rest or image_size < factor:
        lower, upper = image_size - rest, image_size - rest + factor
        sides = f"{lower} or {upper}" if lower else f"{upper}"
        raise ValueError(
            f"factor: expected an image side that is a multiple of {factor}, such as {sides} px, "
            f"got {image_size} px"
        )
