"""All images of some classes in one picture."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mgd3_kedro.figures.style import INK, load_font

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont

READABLE_SIDE = 96
GAP = 4
MARGIN = 12
LABEL_WIDTH = 150
LABEL_LINES = 3
LABEL_SIZE, TITLE_SIZE = 15, 20


def draw_contact_sheet(
    images: Mapping[str, NDArray[np.uint8]],
    class_names: Mapping[str, str],
    *,
    title: str = "",
) -> Image:
    """Lay out images in a grid, one row per class with its name at the left.

    Images below 96 pixels are enlarged by a whole factor without interpolation, so that they show
    the exact pixels that a network gets. Other images keep their size.

    Args:
        images: wnid -> (N, H, W, 3), uint8, in the order of the rows; N may differ.
        class_names: wnid -> class name; the wnid is written if its name is missing.
        title: Above the grid; empty for none.

    Returns:
        An RGB image.

    Raises:
        ValueError: If there is no image, an array is not uint8 (N, H, W, 3), or sizes differ.
    """
    from PIL import Image, ImageDraw

    height, width = _check_images(images)
    factor = math.ceil(READABLE_SIDE / max(height, width))
    tile_height, tile_width = factor * height, factor * width
    columns = max(len(rows) for rows in images.values())
    top = MARGIN + (TITLE_SIZE + MARGIN if title else 0)
    font, title_font = load_font(LABEL_SIZE), load_font(TITLE_SIZE, bold=True)
    labels = {wnid: _wrap(class_names.get(wnid, wnid), font) for wnid in images}
    lines = "\n".join(labels.values()).split("\n")
    label_end = MARGIN + math.ceil(max(font.getlength(line) for line in lines))
    left = label_end + MARGIN
    grid_end = left + columns * (tile_width + GAP) - GAP
    title_end = MARGIN + math.ceil(title_font.getlength(title))
    bottom = top + len(images) * (tile_height + GAP) - GAP
    sheet = Image.new("RGB", (max(grid_end, title_end) + MARGIN, bottom + MARGIN), "white")
    draw = ImageDraw.Draw(sheet)
    draw.text((MARGIN, MARGIN), title, fill=INK, font=title_font)
    for row, (wnid, pictures) in enumerate(images.items()):
        y = top + row * (tile_height + GAP)
        draw.multiline_text(
            (label_end, y + tile_height / 2),
            labels[wnid],
            fill=INK,
            font=font,
            anchor="rm",
            align="right",
        )
        for column, pixels in enumerate(pictures):
            enlarged = pixels.repeat(factor, axis=0).repeat(factor, axis=1)
            sheet.paste(Image.fromarray(enlarged), (left + column * (tile_width + GAP), y))
    return sheet


def _check_images(images: Mapping[str, NDArray[Any]]) -> tuple[int, int]:
    if not images:
        raise ValueError("images: expected at least one class, got none")
    for wnid, pictures in images.items():
        if pictures.dtype != np.uint8 or pictures.ndim != 4 or pictures.shape[3] != 3:
            raise ValueError(
                f"images of {wnid}: expected uint8 (N, H, W, 3), "
                f"got {pictures.dtype} {pictures.shape}"
            )
    sizes = {pictures.shape[1:3] for pictures in images.values()}
    if len(sizes) > 1:
        raise ValueError(f"images: expected one size (H, W), got {sorted(sizes)}")
    if not any(len(pictures) for pictures in images.values()):
        raise ValueError("images: expected at least one image, got none")
    return sizes.pop()


def _wrap(words: str, font: FreeTypeFont) -> str:
    lines = [""]
    for word in words.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and font.getlength(longer) > LABEL_WIDTH:
            lines.append(word)
        else:
            lines[-1] = longer
    if len(lines) > LABEL_LINES:
        lines = [*lines[: LABEL_LINES - 1], f"{lines[LABEL_LINES - 1].rstrip(',')} …"]
    return "\n".join(_cut(line, font) for line in lines)


def _cut(line: str, font: FreeTypeFont) -> str:
    if font.getlength(line) <= LABEL_WIDTH:
        return line
    while line and font.getlength(f"{line}…") > LABEL_WIDTH:
        line = line[:-1]
    return f"{line}…"
