"""Decoding of image files to RGB pixels of one size."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from mgd3_kedro.datasets.resizing import MAX_PIXELS, centre_crop, resize_once

if TYPE_CHECKING:
    from PIL import Image

VERSION = 1
"""Version of the decoding. Raise it if any file would give other pixels, resized or not (see
`RESIZED`): results made from the old pixels are then out of date."""
FORMATS = ("BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
"""Formats that are decoded. Others are not even tried, because some start external programs."""
SIXTEEN_BITS = ("I;16", "I;16L", "I;16B", "I;16N", "I")
LOOK_SIDE = 16
"""Side in pixels of the small grey picture (look) by which copies of an image are found."""
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
"""EXIF orientation -> Pillow transpose that turns the image upright."""


def decode_image(data: bytes, name: str, image_size: int, resize: int | None = None) -> Any:
    """Return the pixels of an image, (S, S, 3), uint8.

    Args:
        data: Content of the file.
        name: Name of the file, for error messages.
        image_size: S.
        resize: Length in pixels to which the short side is resized in one step before the centre is
            cropped, as for classifiers; None for `centre_crop`.

    Raises:
        ValueError: If the file is not an image or is damaged; the message names it.
    """
    with _opened(data, name) as image:
        upright = to_rgb(image)
        if resize is None:
            return centre_crop(upright, image_size)
        return resize_once(upright, resize, image_size)


def decode_whole(data: bytes, name: str) -> Any:
    """Return the pixels of an image at its own size, (H, W, 3), uint8.

    Raises:
        ValueError: If the file is not an image or is damaged; the message names it.
    """
    import numpy as np

    with _opened(data, name) as image:
        return np.array(to_rgb(image))


class Description(NamedTuple):
    """Properties of an image file.

    Args:
        size: Width and height in pixels, as stored.
        mode: Pillow's mode.
        plain: Whether every reader decodes the same pixels: the image has 8 bits, is upright and
            opaque.
        look: Grey values of the picture at LOOK_SIDE x LOOK_SIDE pixels, as LOOK_SIDE ** 2 bytes.
    """

    size: tuple[int, int]
    mode: str
    plain: bool
    look: bytes


def describe_image(data: bytes, name: str) -> Description:
    """Decode an image and return its properties.

    Raises:
        ValueError: If the file is not an image or is damaged; the message names it.
    """
    from PIL.Image import Resampling

    with _opened(data, name) as image:
        plain = image.mode not in SIXTEEN_BITS and not _turn(image) and _is_opaque(image)
        small = to_rgb(image).convert("L").resize((LOOK_SIDE, LOOK_SIDE), Resampling.BOX)
        return Description(image.size, image.mode, plain, small.tobytes())


def to_rgb(image: Image.Image) -> Image.Image:
    """Return an image upright and in RGB: transparent parts white, 16 bits scaled to 8.

    Raises:
        ValueError: If the range of the values is unknown: fractions, or more than 16 bits.
    """
    from PIL import Image

    if image.mode == "F":
        raise ValueError(
            "expected integer pixel values, got floating-point values, whose range is unknown"
        )
    image = _upright(image)
    if image.mode in SIXTEEN_BITS:
        image = _eight_bits(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


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
        # Decoders raise all kinds of errors for damaged files.
        reason = (str(error).splitlines() or [""])[0] or type(error).__name__
        raise ValueError(f"{name}: expected an image that can be decoded ({reason})") from error


def _upright(image: Image.Image) -> Image.Image:
    from PIL.Image import Transpose

    found = _turn(image)
    return image.transpose(Transpose[found]) if found else image


def _turn(image: Image.Image) -> str | None:
    """Return the Pillow transpose that turns an image upright; None if it is upright."""
    try:
        orientation = image.getexif().get(ORIENTATION)
    except Exception:
        # Damaged EXIF data does not make the pixels unreadable.
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
