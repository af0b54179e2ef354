"""Resizing as matrix products: bilinear, antialiased where pixels are merged."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

from mgd3_kedro.checks import check_range
from mgd3_kedro.images import LazyImages, chunks_of

FITTED_AT_ONCE = 32
"""Images that are held in floating point at the same time."""


def enlarge_small_images(images: torch.Tensor, small_images: int) -> torch.Tensor:
    """Bring small images to the side of that which several of them are in the place of.

    Args:
        images: (N, 3, s, s), uint8, on the CPU.
        small_images: How many are in the place of one, the square of a whole number; 1 changes
            nothing.

    Returns:
        (N, 3, S, S), uint8, S = s * sqrt(small_images).

    Source: IDC (arXiv 2205.14959), multi-formation, with the bicubic filter of Pillow: it leaves
    more detail than a bilinear one.
    """
    if small_images == 1:
        return images
    side = images.shape[-1] * math.isqrt(small_images)
    return F.interpolate(images, (side, side), mode="bicubic", antialias=True)


def resampling_weights(
    starts: torch.Tensor, lengths: torch.Tensor, size_in: int, size_out: int
) -> torch.Tensor:
    """Return what each pixel of a line weighs in each pixel of a stretch of it, resized.

    The filter is a triangle as wide as a new pixel, or an old one where that is wider. Rows sum to
    one; pixels outside the stretch weigh nothing.

    Args:
        starts: (B,), where stretches begin, in pixels.
        lengths: (B,), how long they are, in pixels.
        size_in: Pixels of the line, S.
        size_out: Pixels of the result, S'.

    Returns:
        (B, S', S), on the device of `starts`.

    Source: the bilinear filter of Pillow's `Image.resize`.
    """
    device = starts.device
    pixels = torch.arange(size_in, device=device) + 0.5
    step = lengths[:, None] / size_out
    centres = starts[:, None] + step * (torch.arange(size_out, device=device) + 0.5)
    distances = (pixels - centres[:, :, None]).abs_() / step.clamp(min=1)[:, :, None]
    ends = starts + lengths
    inside = (pixels > starts[:, None]) & (pixels < ends[:, None])
    weights = distances.neg_().add_(1).clamp_(min=0).mul_(inside[:, None])
    return weights / weights.sum(-1, keepdim=True)


def resized_crop(
    images: torch.Tensor, crops: torch.Tensor, flips: torch.Tensor, size: int
) -> torch.Tensor:
    """Cut one box out of each image, resize it, and mirror some.

    Nothing outside a box is ever read, and no device is waited for.

    Args:
        images: (B, C, S, S).
        crops: (B, 4), top, left, height and width in whole pixels.
        flips: (B,), bool.
        size: Side of the result, S'.

    Returns:
        (B, C, S', S').

    Source: the bilinear filter of Pillow's `Image.resize`.
    """
    # No box is larger than its image, so that none is shrunk: two pixels a side are all it takes.
    resize = enlarged_crop if images.shape[-1] <= size else filtered_crop
    return resize(images, crops, flips, size)


def filtered_crop(
    images: torch.Tensor, crops: torch.Tensor, flips: torch.Tensor, size: int
) -> torch.Tensor:
    """Do what `resized_crop` does for boxes of any size, by two products of matrices.

    Source: the bilinear filter of Pillow's `Image.resize`.
    """
    side = images.shape[-1]
    top, left, height, width = crops.unbind(1)
    rows = resampling_weights(top, height, side, size)
    columns = resampling_weights(left, width, side, size)
    columns = torch.where(flips[:, None, None], columns.flip(1), columns)
    narrow = torch.bmm(images.flatten(1, 2), columns.mT).unflatten(1, images.shape[1:3])
    # One product a channel: together they would have to copy the weights of the rows.
    return torch.stack([torch.bmm(rows, channel) for channel in narrow.unbind(1)], 1)


def enlarged_crop(
    images: torch.Tensor, crops: torch.Tensor, flips: torch.Tensor, size: int
) -> torch.Tensor:
    """Do what `resized_crop` does for boxes that are enlarged, in a third of the time.

    Positions are clamped to the centres of a box's outer pixels.
    """
    centres = (torch.arange(size, device=images.device) + 0.5) / size
    corner, sides = crops[:, :2, None], crops[:, 2:, None]
    inside = torch.minimum((centres * sides - 0.5).clamp(min=0), sides - 1)
    rows, columns = ((2 * (corner + inside) + 1) / images.shape[-1] - 1).unbind(1)
    columns = torch.where(flips[:, None], columns.flip(1), columns)
    shape = (len(images), size, size)
    grid = torch.stack((columns[:, None].expand(shape), rows[:, :, None].expand(shape)), -1)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)


def fit_images(images: torch.Tensor | LazyImages, resize: int, size: int) -> torch.Tensor:
    """Resize images, some at a time, and cut out their centre.

    Args:
        images: (N, C, S, S), uint8, perhaps not decoded yet.
        resize: Side that the images are brought to, in pixels.
        size: Side of the centre that is kept, in pixels.

    Returns:
        (N, C, size, size), uint8; the same pixels where `resize` is S.

    Raises:
        ValueError: If there is no such centre.

    Source: the bilinear filter of Pillow's `Image.resize`; torchvision's `CenterCrop`.
    """
    check_range("size", size, 1, resize)
    side = images.shape[-1]
    first = round((resize - size) / 2)
    kept = slice(first, first + size)
    start, length = torch.tensor([[0.0], [side]])
    weights = resampling_weights(start, length, side, resize)[0, kept]

    def fit(part: torch.Tensor) -> torch.Tensor:
        if resize == side:
            return part[..., kept, kept]
        across = weights.to(part.device)
        return (across @ part.float() @ across.T).round_().to(torch.uint8)

    return torch.cat([fit(part) for part in chunks_of(images, FITTED_AT_ONCE)])


def seen_images(images: torch.Tensor | LazyImages, resize: int, size: int) -> torch.Tensor:
    """Return real images as networks are shown them: those in files are resized once.

    The square that diffusion models are shown has been resized before, by other filters: what is
    resized a second time is softer than what the authors of the protocols test on.

    Args:
        images: (N, C, S, S), uint8, perhaps not decoded yet.
        resize: Side that the images are brought to, in pixels.
        size: Side of the centre that is kept, in pixels.

    Returns:
        (N, C, size, size), uint8.

    Raises:
        ValueError: If there is no such centre, or a file cannot be read.

    Source: Minimax diffusion (arXiv 2311.15529) and RDED (arXiv 2312.03526), released code.
    """
    if isinstance(images, LazyImages) and images.resized_once:
        check_range("size", size, 1, resize)
        return torch.cat([*images.from_files(resize, size).chunks(FITTED_AT_ONCE)])
    return fit_images(images, resize, size)
