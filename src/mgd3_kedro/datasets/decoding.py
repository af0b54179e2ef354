"""Bytes of an image file to RGB pixels of one size."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from PIL import Image

VERSION = 1
"""To be raised when a file would give other pixels: what was made from them is stale then."""
FORMATS = ("BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
"""Others are not even tried: some start programs of their own."""
MAX_PIXELS = 89_478_485
"""Beyond it PIL warns of a decompression bomb: a quarter of a gigabyte of RGB."""
SIXTEEN_BITS = ("I;16", "I;16L", "I;16B", "I;16N", "I")
LOOK_SIDE = 16
"""Side of the small grey picture that copies of an image are found by."""
ORIENTATION = 0x0112
UPRIGHT = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}
"""What brings an image of an EXIF orientation upright."""


def decode_image(data: bytes, name: str, image_size: int, resize: int | None = None) -> Any:
    """Return the pixels of an image, (S, S, 3), uint8.

    Args:
        data: The file.
        name: Of the file, for error messages.
        image_size: S.
        resize: Side that the short one is brought to at once before the centre is cut out, as
            networks are shown images; None: the square of `centre_crop`.

    Raises:
        ValueError: Naming the file, if it is no image or damaged.
    """
    import numpy as np

    with _opened(data, name) as image:
        upright = to_rgb(image)
        if resize is None:
            return np.array(centre_crop(upright, image_size))
        return np.array(resize_once(upright, resize, image_size))


def decode_whole(data: bytes, name: str) -> Any:
    """Return the pixels of an image at its own size, (H, W, 3), uint8.

    Raises:
        ValueError: Naming the file, if it is no image or damaged.
    """
    import numpy as np

    with _opened(data, name) as image:
        return np.array(to_rgb(image))


class Description(NamedTuple):
    """What an image file is.

    Args:
        size: Width and height, as stored.
        mode: Of PIL.
        plain: Whether any reader sees the same pixels: it has 8 bits, is upright and opaque.
        look: (LOOK_SIDE ** 2,) grey values of the picture made small, as bytes.
    """

    size: tuple[int, int]
    mode: str
    plain: bool
    look: bytes


def describe_image(data: bytes, name: str) -> Description:
    """Return what an image is that can be decoded.

    Raises:
        ValueError: Naming the file, if it is no image or damaged.
    """
    from PIL.Image import Resampling

    with _opened(data, name) as image:
        plain = image.mode not in SIXTEEN_BITS and not _turn(image) and _is_opaque(image)
        small = to_rgb(image).convert("L").resize((LOOK_SIDE, LOOK_SIDE), Resampling.BOX)
        return Description(image.size, image.mode, plain, small.tobytes())


def to_rgb(image: Image.Image) -> Image.Image:
    """Return an image upright and in RGB: on white where transparent, 16 bits scaled to 8.

    Raises:
        ValueError: If nothing tells which values are black and white.
    """
    from PIL import Image

    if image.mode == "F":
        raise ValueError("expected whole numbers, got fractions, whose range nothing tells")
    image = _upright(image)
    if image.mode in SIXTEEN_BITS:
        image = _eight_bits(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


def centre_crop(image: Image.Image, image_size: int) -> Image.Image:
    """Return the square in the middle of an RGB image, resized.

    Halves with a box filter while the short side is at least twice the target, then resizes with a
    bicubic one; an image of the size asked for comes back untouched.

    Raises:
        ValueError: If the image is so elongated that it would not fit into memory on the way.

    Source: ADM (arXiv 2105.05233), released code.
    """
    from PIL.Image import Resampling

    if image.size == (image_size, image_size):
        return image
    while min(image.size) >= 2 * image_size:
        image = image.resize((image.width // 2, image.height // 2), Resampling.BOX)
    scale = image_size / min(image.size)
    width, height = round(image.width * scale), round(image.height * scale)
    if width * height > MAX_PIXELS:
        raise ValueError(f"{image.width} x {image.height} pixels are too elongated")
    if (width, height) != image.size:
        image = image.resize((width, height), Resampling.BICUBIC)
    left, top = (width - image_size) // 2, (height - image_size) // 2
    return image.crop((left, top, left + image_size, top + image_size))


def resize_once(image: Image.Image, resize: int, image_size: int) -> Image.Image:
    """Return the square in the middle of an RGB image whose short side was resized, bilinearly.

    Args:
        image: In RGB.
        resize: What the short side is brought to, in pixels.
        image_size: Side of the square, at most `resize`.

    Raises:
        ValueError: If the image is so elongated that it would not fit into memory on the way.

    Source: torchvision's `Resize` and `CenterCrop`, as in Minimax diffusion (arXiv 2311.15529) and
    RDED (arXiv 2312.03526), released code.
    """
    from PIL.Image import Resampling

    short = min(image.size)
    width, height = (side * resize // short for side in image.size)
    if width * height > MAX_PIXELS:
        raise ValueError(f"{image.width} x {image.height} pixels are too elongated")
    if (width, height) != image.size:
        image = image.resize((width, height), Resampling.BILINEAR)
    left, top = round((width - image_size) / 2), round((height - image_size) / 2)
    return image.crop((left, top, left + image_size, top + image_size))


@contextmanager
def _opened(data: bytes, name: str) -> Iterator[Image.Image]:
    from PIL import Image, UnidentifiedImageError

    if not data:
        raise ValueError(f"{name}: expected an image, got an empty file")
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise ValueError(
                    f"expected at most {MAX_PIXELS} pixels, got {image.width} x {image.height}"
                )
            image.load()
            yield image
    except MemoryError:
        raise
    except UnidentifiedImageError as error:
        known = ", ".join(FORMATS)
        raise ValueError(f"{name}: expected an image ({known}), got something else") from error
    except Exception as error:
        # A damaged file leads decoders to raise anything at all.
        reason = (str(error).splitlines() or [""])[0] or type(error).__name__
        raise ValueError(f"{name}: expected an image that can be decoded ({reason})") from error


def _upright(image: Image.Image) -> Image.Image:
    from PIL.Image import Transpose

    found = _turn(image)
    return image.transpose(Transpose[found]) if found else image


def _turn(image: Image.Image) -> str | None:
    """Return what brings an image upright, None if it is."""
    try:
        orientation = image.getexif().get(ORIENTATION)
    except Exception:
        # Damaged notes about a picture are no damage of the picture.
        return None
    return UPRIGHT.get(orientation) if isinstance(orientation, int) else None


def _is_opaque(image: Image.Image) -> bool:
    if not image.has_transparency_data:
        return True
    return bool(image.convert("RGBA").getchannel("A").getextrema() == (255, 255))


def _eight_bits(image: Image.Image) -> Image.Image:
    import numpy as np
    from PIL import Image

    values = np.asarray(image).astype(np.int64)
    if values.min() < 0 or values.max() > 65535:
        raise ValueError(f"expected 8 or 16 bits, got values from {values.min()} to {values.max()}")
    # PIL alone would clip at 255.
    return Image.fromarray(((values * 255 + 32767) // 65535).astype(np.uint8))
