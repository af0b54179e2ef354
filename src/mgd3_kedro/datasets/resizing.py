"""Centre crops of images, with Pillow's geometry and PyTorch's filters on uint8 pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL import Image

MAX_PIXELS = 89_478_485
"""Number of pixels above which Pillow warns of a decompression bomb; a quarter of a gigabyte of
RGB."""


def centre_crop(image: Image.Image, image_size: int) -> Any:
    """Resize an RGB image and return the square in its middle, (S, S, 3), uint8.

    The image is halved with a box filter while its short side is at least 2 S, then resized with a
    bicubic filter until the short side is S. An image whose short side is S already is only
    cropped.

    Args:
        image: RGB image.
        image_size: S.

    Raises:
        ValueError: If the image is so elongated that it would not fit into memory when resized.

    Source: ADM (arXiv 2105.05233), released code.
    """
    from PIL.Image import Resampling

    while min(image.size) >= 2 * image_size:
        # PyTorch has no box filter for uint8.
        image = image.resize((image.width // 2, image.height // 2), Resampling.BOX)
    scale = image_size / min(image.size)
    width, height = round(image.width * scale), round(image.height * scale)
    pixels = _resized(image, width, height, "bicubic")
    left, top = (width - image_size) // 2, (height - image_size) // 2
    return pixels[top : top + image_size, left : left + image_size]


def resize_once(image: Image.Image, resize: int, image_size: int) -> Any:
    """Resize an RGB image once, bilinearly, and return the square in its middle.

    Args:
        image: RGB image.
        resize: Length of the short side after resizing, in pixels.
        image_size: Side of the square, S, at most `resize`.

    Returns:
        (S, S, 3), uint8.

    Raises:
        ValueError: If the image is so elongated that it would not fit into memory when resized.

    Source: torchvision's `Resize` and `CenterCrop`, as in Minimax diffusion (arXiv 2311.15529) and
    RDED (arXiv 2312.03526), released code.
    """
    short = min(image.size)
    width, height = (side * resize // short for side in image.size)
    pixels = _resized(image, width, height, "bilinear")
    left, top = round((width - image_size) / 2), round((height - image_size) / 2)
    return pixels[top : top + image_size, left : left + image_size]


def _resized(image: Image.Image, width: int, height: int, mode: str) -> Any:
    """Return the pixels of an RGB image resized to (height, width, 3), uint8.

    An image that has this size already is returned unchanged.

    Source: PyTorch's antialiased `interpolate` on uint8. It has the filters of Pillow's
    `Image.resize`, almost always differs from it by at most one grey level, and takes a quarter of
    the time.
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
