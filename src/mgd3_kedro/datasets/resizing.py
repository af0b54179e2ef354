"""Squares out of the middle of images: by Pillow's geometry, with PyTorch's filters on bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL import Image

MAX_PIXELS = 89_478_485
"""Beyond it PIL warns of a decompression bomb: a quarter of a gigabyte of RGB."""


def centre_crop(image: Image.Image, image_size: int) -> Any:
    """Return the square in the middle of an RGB image, resized, (S, S, 3), uint8.

    Halves with a box filter while the short side is at least twice the target, then resizes with a
    bicubic one; an image whose short side is the one asked for is only cropped.

    Args:
        image: In RGB.
        image_size: S.

    Raises:
        ValueError: If the image is so elongated that it would not fit into memory on the way.

    Source: ADM (arXiv 2105.05233), released code.
    """
    from PIL.Image import Resampling

    while min(image.size) >= 2 * image_size:
        # PyTorch has no such filter for bytes.
        image = image.resize((image.width // 2, image.height // 2), Resampling.BOX)
    scale = image_size / min(image.size)
    width, height = round(image.width * scale), round(image.height * scale)
    pixels = _resized(image, width, height, "bicubic")
    left, top = (width - image_size) // 2, (height - image_size) // 2
    return pixels[top : top + image_size, left : left + image_size]


def resize_once(image: Image.Image, resize: int, image_size: int) -> Any:
    """Return the square in the middle of an RGB image whose short side was resized, bilinearly.

    Args:
        image: In RGB.
        resize: What the short side is brought to, in pixels.
        image_size: Side of the square, S, at most `resize`.

    Returns:
        (S, S, 3), uint8.

    Raises:
        ValueError: If the image is so elongated that it would not fit into memory on the way.

    Source: torchvision's `Resize` and `CenterCrop`, as in Minimax diffusion (arXiv 2311.15529) and
    RDED (arXiv 2312.03526), released code.
    """
    short = min(image.size)
    width, height = (side * resize // short for side in image.size)
    pixels = _resized(image, width, height, "bilinear")
    left, top = round((width - image_size) / 2), round((height - image_size) / 2)
    return pixels[top : top + image_size, left : left + image_size]


def _resized(image: Image.Image, width: int, height: int, mode: str) -> Any:
    """Return the pixels of an RGB image, (height, width, 3), uint8; untouched if it is of the size.

    Source: PyTorch's `interpolate`, antialiased, on bytes: the filters of Pillow's `Image.resize`,
    as good as always within one grey level of it, in a quarter of the time.
    """
    import numpy as np
    import torch
    import torch.nn.functional as F

    if width * height > MAX_PIXELS:
        raise ValueError(f"{image.width} x {image.height} pixels are too elongated")
    pixels = np.array(image)
    if (width, height) == image.size:
        return pixels
    planes = torch.from_numpy(pixels).permute(2, 0, 1)[None]
    resized = F.interpolate(planes, size=(height, width), mode=mode, antialias=True)[0]
    return resized.permute(1, 2, 0).numpy()
