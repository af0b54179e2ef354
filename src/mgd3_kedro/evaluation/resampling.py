"""Resizing by matrix products: a bilinear filter with antialiasing."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

from mgd3_kedro.checks import check_range
from mgd3_kedro.images import LazyImages, chunks_of

FITTED_AT_ONCE = 32
"""Images that are converted to floating point at a time, to limit memory."""


def enlarge_small_images(images: torch.Tensor, small_images: int) -> torch.Tensor:
    """Enlarge the small images of multi-formation to the side of a full image.

    Args:
        images: (N, 3, s, s), uint8, on the CPU.
        small_images: Number of small images that replace one full image, a square number; 1
            changes nothing.

    Returns:
        (N, 3, S, S), uint8, S = s * sqrt(small_images).

    Source: IDC (arXiv 2205.14959), multi-formation, with the bicubic filter of Pillow: it keeps
    more detail than a bilinear filter.
    """
    if small_images == 1:
        return images
    side = images.shape[-1] * math.isqrt(small_images)
    return F.interpolate(images, (side, side), mode="bicubic", antialias=True)


def resampling_weights(
    starts: torch.Tensor, lengths: torch.Tensor, size_in: int, size_out: int
) -> torch.Tensor:
    """Return the matrices that crop an interval of a line of pixels and resize it.

    The filter is a triangle. Its scale is the larger one of an output pixel and an input pixel.
    Each row of a matrix sums to one, and pixels outside the interval have weight zero.

    Args:
        starts: (B,), start of each interval, in pixels.
        lengths: (B,), length of each interval, in pixels.
        size_in: Number of pixels of the line, S.
        size_out: Number of pixels of the result, S'.

    Returns:
        Weights, (B, S', S), on the device of `starts`.

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
    """Crop one box from each image, resize it, and flip it if asked.

    Pixels outside the box have no influence. There is no device synchronisation.

    Args:
        images: (B, C, S, S), float.
        crops: (B, 4), top, left, height and width in whole pixels.
        flips: (B,), bool, True for a horizontal flip.
        size: Side of the result in pixels, S'.

    Returns:
        (B, C, S', S').

    Source: the bilinear filter of Pillow's `Image.resize`.
    """
    # If S <= S', no box is shrunk: interpolation between two pixels per axis is enough.
    resize = enlarged_crop if images.shape[-1] <= size else filtered_crop
    return resize(images, crops, flips, size)


def filtered_crop(
    images: torch.Tensor, crops: torch.Tensor, flips: torch.Tensor, size: int
) -> torch.Tensor:
    """Compute `resized_crop` for boxes of any size, by two matrix products.

    Source: the bilinear filter of Pillow's `Image.resize`.
    """
    side = images.shape[-1]
    top, left, height, width = crops.unbind(1)
    rows = resampling_weights(top, height, side, size)
    columns = resampling_weights(left, width, side, size)
    columns = torch.where(flips[:, None, None], columns.flip(1), columns)
    narrow = torch.bmm(images.flatten(1, 2), columns.mT).unflatten(1, images.shape[1:3])
    # One product per channel: a single product would have to copy the weights of the rows.
    return torch.stack([torch.bmm(rows, channel) for channel in narrow.unbind(1)], 1)


def enlarged_crop(
    images: torch.Tensor, crops: torch.Tensor, flips: torch.Tensor, size: int
) -> torch.Tensor:
    """Compute `resized_crop` for boxes that are enlarged, in a third of the time.

    Sampling positions are clamped to the centres of a box's outer pixels.
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
    """Resize images and crop their centre, in chunks.

    Args:
        images: (N, C, S, S), uint8, decoded or lazy.
        resize: Side of the resized images, in pixels.
        size: Side of the centre crop, in pixels.

    Returns:
        (N, C, size, size), uint8; original pixels if `resize` is S.

    Raises:
        ValueError: If `size` is not in 1..`resize`.

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


def resize_real_images(images: torch.Tensor | LazyImages, resize: int, size: int) -> torch.Tensor:
    """Return real images at the size of the networks' input; image files are resized only once.

    The square images for diffusion models are already resized, with other filters. A second
    resize would make them softer than the test images of the protocols' authors.

    Args:
        images: (N, C, S, S), uint8, decoded or lazy.
        resize: Side of the resized images, in pixels.
        size: Side of the centre crop, in pixels.

    Returns:
        (N, C, size, size), uint8.

    Raises:
        ValueError: If `size` is not in 1..`resize`, or a file cannot be read.

    Source: Minimax diffusion (arXiv 2311.15529) and RDED (arXiv 2312.03526), released code.
    """
    if isinstance(images, LazyImages) and images.resized_once:
        check_range("size", size, 1, resize)
        return torch.cat([*images.from_files(resize, size).chunks(FITTED_AT_ONCE)])
    return fit_images(images, resize, size)
