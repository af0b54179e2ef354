"""Images as data URIs, which a page can contain."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

SIDE = 112
"""Maximum side in pixels; larger images are scaled down, smaller ones keep their size."""
LOSSLESS_SIDE = 64
"""Images up to this side in pixels are stored without loss."""
QUALITY = 85


def as_data_uri(image: NDArray[Any], side: int = SIDE) -> str:
    """Return an image as a data URI, scaled down if it is large.

    Args:
        image: (3, H, W), uint8.
        side: Maximum side of the result in pixels.

    Raises:
        ValueError: If the image is not uint8 (3, H, W).
    """
    from PIL import Image

    pixels = np.asarray(image)
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[0] != 3:
        raise ValueError(f"image: expected uint8 (3, H, W), got {pixels.dtype} {pixels.shape}")
    picture = Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0)))
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    is_small = max(picture.size) <= LOSSLESS_SIDE
    if is_small and (pixels == pixels[:1]).all():
        picture = picture.convert("L")
    return picture_as_data_uri(picture, "PNG" if is_small else "JPEG")


def picture_as_data_uri(picture: Any, kind: str = "PNG") -> str:
    """Return a picture as a data URI, at its own size.

    Args:
        picture: Pillow image.
        kind: "PNG", or "JPEG" for large pictures.
    """
    file = io.BytesIO()
    options = {"quality": QUALITY} if kind == "JPEG" else {"optimize": True}
    picture.save(file, format=kind, **options)
    content = base64.b64encode(file.getvalue()).decode()
    return f"data:image/{kind.lower()};base64,{content}"
