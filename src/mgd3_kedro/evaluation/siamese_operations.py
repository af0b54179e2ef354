"""The operations of differentiable siamese augmentation: draw parameters, then apply them.

Images are square, (B, 3, S, S), and normalised, as in the released code. Pixels that are cut out or
come from outside the image are zero, which is the mean colour.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F

BRIGHTNESS = 1.0
"""The added value is uniform in an interval of this width around zero."""
SATURATION = 2.0
"""Largest factor of the distance from grey; the smallest factor is zero."""
CONTRAST = 0.5
"""Smallest factor of the distance from the mean; the largest factor is larger by one."""
CROP_SHARE = 0.125
"""Largest shift, in sides of the image."""
CUTOUT_SHARE = 0.5
"""Side of the square that is cut out, in sides of the image."""
FLIP_PROBABILITY = 0.5
LARGEST_SCALE = 1.2
"""Largest factor by which an image is stretched or shrunk."""
LARGEST_ANGLE = math.radians(15)


def draw_colours(count: int, image_size: int, generator: torch.Generator) -> torch.Tensor:
    """Draw the added brightness and the factors of saturation and contrast, (N, 3).

    Source: DSA (arXiv 2102.08259), released code.
    """
    brightness, saturation, contrast = torch.rand(3, count, generator=generator)
    return torch.stack(
        ((brightness - 0.5) * BRIGHTNESS, saturation * SATURATION, contrast + CONTRAST), 1
    )


def change_colours(images: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """Change brightness, then saturation, then contrast.

    Grey is the plain mean of red, green and blue. Saturation does not change grey, so it does not
    change the image mean that contrast refers to. Therefore the three steps are one weighted sum.

    Args:
        images: (B, 3, S, S).
        values: (B, 3), from `draw_colours`.

    Source: DSA (arXiv 2102.08259), released code; folded into one sum by us.
    """
    brightness, saturation, contrast = values[:, :, None, None, None].unbind(1)
    grey = images.mean(1, keepdim=True)
    mean = grey.mean((2, 3), keepdim=True)
    rest = contrast * (1 - saturation) * grey + (1 - contrast) * mean + brightness
    return contrast * saturation * images + rest


def draw_shifts(count: int, image_size: int, generator: torch.Generator) -> torch.Tensor:
    """Draw the shift of a window in whole rows and columns, (N, 2).

    Source: DSA (arXiv 2102.08259), released code.
    """
    most = int(image_size * CROP_SHARE + 0.5)
    return torch.randint(-most, most + 1, (count, 2), generator=generator).float()


def shift(images: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """Move a window down and to the right over each image; pixels outside the image are zero.

    Args:
        images: (B, 3, S, S).
        values: (B, 2), whole rows and columns.

    Source: DSA (arXiv 2102.08259), released code.
    """
    size = images.shape[-1]
    framed = F.pad(images, (1, 1, 1, 1))
    places = torch.arange(1, size + 1, device=images.device)
    rows, columns = (places + values.long()[:, :, None]).clamp(0, size + 1).unbind(1)
    whole = (-1, images.shape[1], size, -1)
    moved = framed.gather(2, rows[:, None, :, None].expand(*whole[:3], size + 2))
    return moved.gather(3, columns[:, None, None].expand(*whole))


def draw_boxes(count: int, image_size: int, generator: torch.Generator) -> torch.Tensor:
    """Draw squares, clipped at the edge: first row, row after the last, same for columns, (N, 4).

    Source: DSA (arXiv 2102.08259), released code.
    """
    side = int(image_size * CUTOUT_SHARE + 0.5)
    centres = torch.randint(image_size + 1 - side % 2, (count, 2, 1), generator=generator)
    edges = centres - side // 2 + torch.tensor([0, side])
    return edges.clamp(0, image_size).flatten(1).float()


def cut_out(images: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """Set a box of each image to zero.

    Args:
        images: (B, 3, S, S).
        values: (B, 4), first row, row after the last, first column, column after the last.

    Source: DSA (arXiv 2102.08259), released code.
    """
    places = torch.arange(images.shape[-1], device=images.device)
    first, end = values.view(-1, 2, 2, 1).unbind(2)
    rows, columns = ((places >= first) & (places < end)).unbind(1)
    return images.masked_fill((rows[:, :, None] & columns[:, None])[:, None], 0)


def draw_flips(count: int, image_size: int, generator: torch.Generator) -> torch.Tensor:
    """Draw whether to flip, 0 or 1, (N, 1).

    Source: DSA (arXiv 2102.08259), released code.
    """
    return (torch.rand(count, 1, generator=generator) < FLIP_PROBABILITY).float()


def flip(images: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """Flip some images horizontally.

    Args:
        images: (B, 3, S, S).
        values: (B, 1), 0 or 1.

    Source: DSA (arXiv 2102.08259), released code.
    """
    return torch.where(values[:, :, None, None] > 0, images.flip(-1), images)


def draw_scales(count: int, image_size: int, generator: torch.Generator) -> torch.Tensor:
    """Draw the sampling distance in x and y, in pixels, (N, 2); below 1, the image is enlarged.

    Source: DSA (arXiv 2102.08259), released code.
    """
    least = 1 / LARGEST_SCALE
    return least + (LARGEST_SCALE - least) * torch.rand(count, 2, generator=generator)


def scale(images: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """Stretch or shrink each image about its centre, in x and y.

    Args:
        images: (B, 3, S, S).
        values: (B, 2), from `draw_scales`.

    Source: DSA (arXiv 2102.08259), released code.
    """
    return _warp(images, torch.diag_embed(values))


def draw_angles(count: int, image_size: int, generator: torch.Generator) -> torch.Tensor:
    """Draw an angle in radians, (N, 1).

    Source: DSA (arXiv 2102.08259), released code.
    """
    return LARGEST_ANGLE * (2 * torch.rand(count, 1, generator=generator) - 1)


def rotate(images: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """Rotate each image about its centre.

    Args:
        images: (B, 3, S, S).
        values: (B, 1), angle in radians; a positive angle rotates anticlockwise.

    Source: DSA (arXiv 2102.08259), released code.
    """
    cosine, sine = values.cos(), values.sin()
    return _warp(images, torch.cat((cosine, -sine, sine, cosine), 1).view(-1, 2, 2))


def _warp(images: torch.Tensor, maps: torch.Tensor) -> torch.Tensor:
    """Warp each image by a linear map (B, 2, 2) about its centre, with bilinear sampling."""
    shape = list(images.shape)
    grid = F.affine_grid(F.pad(maps, (0, 1)), shape, align_corners=False)
    return F.grid_sample(images, grid, align_corners=False)


class Operation(NamedTuple):
    """An operation of the augmentation.

    Args:
        draw: (number of samples, side of the images in pixels, generator) -> values (N, P).
        apply: (images (B, 3, S, S), values (B, P)) -> images.
    """

    draw: Callable[[int, int, torch.Generator], torch.Tensor]
    apply: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


OPERATIONS: dict[str, Operation] = {
    "color": Operation(draw_colours, change_colours),
    "crop": Operation(draw_shifts, shift),
    "cutout": Operation(draw_boxes, cut_out),
    "flip": Operation(draw_flips, flip),
    "scale": Operation(draw_scales, scale),
    "rotate": Operation(draw_angles, rotate),
}
