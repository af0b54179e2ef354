"""Grid of images over two settings, one per row and one per column."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mgd3_kedro.figures.contact_sheet import (
    GAP,
    LABEL_SIZE,
    MARGIN,
    READABLE_SIDE,
    TITLE_SIZE,
    draw_contact_sheet,
)
from mgd3_kedro.figures.style import INK, load_font, shorten

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont

SMALLEST_LABEL = 9


def draw_image_grid(
    images: Sequence[Sequence[NDArray[Any]]],
    row_names: Sequence[str],
    column_names: Sequence[str],
    *,
    title: str = "",
) -> Image:
    """Lay out images in a grid with a name above every column and beside every row.

    Small images are enlarged as in `draw_contact_sheet`.

    Args:
        images: R rows of Q images, each (3, S, S), uint8, all of one size; e.g. a row per class and
            a column per step where guidance stops.
        row_names: R names.
        column_names: Q names, in a smaller font if they are wider than a column.
        title: Above the grid; empty for none.

    Returns:
        An RGB image.

    Raises:
        ValueError: If there is no image, the names do not match, an image is not uint8 (3, H, W),
            or sizes differ.

    Source: arXiv 2505.18963, Figure 5.
    """
    from PIL import Image, ImageDraw

    _check_grid(images, row_names, column_names)
    rows = {str(row): np.stack(list(of)).transpose(0, 2, 3, 1) for row, of in enumerate(images)}
    sheet = draw_contact_sheet(rows, {str(row): name for row, name in enumerate(row_names)})
    height, width = images[0][0].shape[1:]
    tile = width * math.ceil(READABLE_SIDE / max(height, width))
    # An untitled sheet ends one margin after its last column.
    left = sheet.width - MARGIN - len(column_names) * (tile + GAP) + GAP
    title_font = load_font(TITLE_SIZE, bold=True)
    above = LABEL_SIZE + (TITLE_SIZE + MARGIN if title else 0)
    title_end = MARGIN + math.ceil(title_font.getlength(title)) + MARGIN
    grid = Image.new("RGB", (max(sheet.width, title_end), above + sheet.height), "white")
    grid.paste(sheet, (0, above))
    draw = ImageDraw.Draw(grid)
    draw.text((MARGIN, MARGIN), title, fill=INK, font=title_font)
    for column, name in enumerate(column_names):
        words, font = _fit(name, tile)
        middle = left + column * (tile + GAP) + tile / 2
        draw.text((middle, above + MARGIN - 2 * GAP), words, fill=INK, font=font, anchor="ms")
    return grid


def _check_grid(
    images: Sequence[Sequence[NDArray[Any]]],
    row_names: Sequence[str],
    column_names: Sequence[str],
) -> None:
    if not row_names or not column_names:
        raise ValueError(
            f"images: expected at least one row and one column, got {len(row_names)} and "
            f"{len(column_names)} names"
        )
    found = [len(row) for row in images]
    if found != [len(column_names)] * len(row_names):
        raise ValueError(
            f"images: expected {len(row_names)} rows of {len(column_names)} images as there are "
            f"names, got rows of {found}"
        )
    for name, row in zip(row_names, images, strict=True):
        for image in row:
            if image.dtype != np.uint8 or image.ndim != 3 or image.shape[0] != 3:
                raise ValueError(
                    f"images of {name}: expected uint8 (3, H, W), got {image.dtype} {image.shape}"
                )
    sizes = {image.shape[1:] for row in images for image in row}
    if len(sizes) > 1:
        raise ValueError(f"images: expected one size (H, W), got {sorted(sizes)}")


def _fit(words: str, width: int) -> tuple[str, FreeTypeFont]:
    for size in range(LABEL_SIZE, SMALLEST_LABEL, -1):
        font = load_font(size)
        if font.getlength(words) <= width:
            return words, font
    font = load_font(SMALLEST_LABEL)
    length = len(words)
    while length > 1 and font.getlength(shorten(words, length)) > width:
        length -= 1
    return shorten(words, length), font
