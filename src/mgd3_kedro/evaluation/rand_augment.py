"""RandAugment: random operations of a fixed list on every image, all of the same strength."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F

from mgd3_kedro.devices import send
from mgd3_kedro.evaluation.augment import LUMA, constant_on

STEPS = 30
"""The largest magnitude."""
SHEAR, ROTATION, TRANSLATION, ENHANCEMENT = 0.3, math.radians(30), 150 / 331, 0.9
"""Strengths at the largest magnitude: slope, angle in radians, share of the image side, change of
a factor."""
POSTERIZED_BITS = 4
"""Bits that posterizing drops at the largest magnitude."""


class Drawn(NamedTuple):
    """Operations of N images.

    Args:
        operations: (ops, N), int64, indices into `OPERATIONS`.
        signs: (ops, N), float, 1 or -1: direction of shears, shifts, rotations and enhancements.
    """

    operations: torch.Tensor
    signs: torch.Tensor

    def rows(self, selected: slice) -> Drawn:
        """Return the operations of some images."""
        return Drawn(self.operations[:, selected], self.signs[:, selected])


def draw_operations(count: int, ops: int, generator: torch.Generator) -> Drawn:
    """Draw the operations of N images.

    Args:
        count: Number of images, N.
        ops: Number of operations per image, applied one after the other.
        generator: Source of randomness, on CPU.

    Source: RandAugment (arXiv 1909.13719), section 3.
    """
    operations = torch.randint(len(OPERATIONS), (ops, count), generator=generator)
    signs = torch.randint(2, (ops, count), generator=generator) * 2.0 - 1
    return Drawn(operations, signs)


def rand_augment(images: torch.Tensor, drawn: Drawn, magnitude: int) -> torch.Tensor:
    """Apply drawn operations to a batch.

    Args:
        images: (B, 3, S, S), uint8.
        drawn: Operations of these images, on CPU.
        magnitude: Strength of all operations, 0 to 30.

    Returns:
        (B, 3, S, S), uint8.

    Source: RandAugment (arXiv 1909.13719), section 3; operations and ranges as in torchvision's
    `RandAugment`.
    """
    images = images.clone()
    table = list(OPERATIONS.values())
    for operations, signs in zip(*drawn, strict=True):
        for number in operations.unique().tolist():
            rows = (operations == number).nonzero().flatten()
            strengths = send(signs[rows] * magnitude / STEPS, images.device)
            rows = send(rows, images.device)
            images[rows] = table[number](images[rows], strengths)
    return images


def _identity(images: torch.Tensor, strengths: torch.Tensor) -> torch.Tensor:
    return images


def _shear_x(images: torch.Tensor, strengths: torch.Tensor) -> torch.Tensor:
    slope, side = SHEAR * strengths, images.shape[-1]
    # Around the upper left corner, as in AutoAugment.
    return _move(images, {(0, 1): slope, (0, 2): slope * side / 2})


def _shear_y(images: torch.Tensor, strengths: torch.Tensor) -> torch.Tensor:
    slope, side = SHEAR * strengths, images.shape[-1]
    return _move(images, {(1, 0): slope, (1, 2): slope * side / 2})


def _translate_x(images: torch.Tensor, strengths: torch.Tensor) -> torch.Tensor:
    return _move(images, {(0, 2): (TRANSLATION * images.shape[-1] * strengths).trunc()})


def _translate_y(images: torch.Tensor, strengths: torch.Tensor) -> torch.Tensor:
    return _move(images, {(1, 2): (TRANSLATION * images.shape[-1] * strengths).trunc()})


def _rotate(images: torch.Tensor, strengths: torch.Tensor) -> torch.Tensor:
    angle = ROTATION * strengths
    cosine, sine = angle.cos(), angle.sin()
    return _move(images, {(0, 0): cosine, (0, 1): -sine, (1, 0): sine, (1, 1): cosine})


def _brightness(images: torch.Tensor, strengths: torch.Tensor) -> torch.Tensor:
    return _enhance(images, torch.zeros_like(images[:, :1], dtype=torch.float32), strengths)


def _colour(images: torch.Tensor, strengths: torch.Tensor) -> torch.Tensor:
    return _enhance(images, _grey(images), strengths)


def _contrast(images: torch.Tensor, strengths: torch.Tensor) -> torch.Tensor:
    return _enhance(images, _grey(images).mean((2, 3), keepdim=True), strengths)


def _sharpness(images: torch.Tensor, strengths: torch.Tensor) -> torch.Tensor:
    kernel = torch.ones(1, 1, 3, 3, device=images.device)
    kernel[..., 1, 1] = 5
    smooth = images.float()
    inner = F.conv2d(smooth.flatten(0, 1)[:, None], kernel / 13).view(
        len(images), 3, smooth.shape[2] - 2, smooth.shape[3] - 2
    )
    smooth[:, :, 1:-1, 1:-1] = inner.round()
    return _enhance(images, smooth, strengths)


def _posterize(images: torch.Tensor, strengths: torch.Tensor) -> torch.Tensor:
    left_out = (POSTERIZED_BITS * strengths.abs()).round().to(torch.uint8)[:, None, None, None]
    return (images >> left_out) << left_out


def _solarize(images: torch.Tensor, strengths: torch.Tensor) -> torch.Tensor:
    threshold = (255 * (1 - strengths.abs()))[:, None, None, None]
    return torch.where(images >= threshold, 255 - images, images)


def _auto_contrast(images: torch.Tensor, strengths: torch.Tensor) -> torch.Tensor:
    values = images.float()
    low, high = values.amin((2, 3), keepdim=True), values.amax((2, 3), keepdim=True)
    stretched = (values - low) * (255 / (high - low).clamp(min=1))
    return torch.where(high > low, stretched, values).clamp(0, 255).to(torch.uint8)


def _equalize(images: torch.Tensor, strengths: torch.Tensor) -> torch.Tensor:
    flat = images.flatten(0, 1).flatten(1).long()
    counts = torch.zeros(len(flat), 256, dtype=torch.int64, device=flat.device)
    counts.scatter_add_(1, flat, torch.ones_like(flat))
    highest = flat.amax(1, keepdim=True)
    # The highest value is not counted: it becomes 255.
    step = (flat.shape[1] - counts.gather(1, highest)) // 255
    below = counts.cumsum(1) - counts
    lookup = ((below + step // 2) // step.clamp(min=1)).clamp(max=255)
    equalized = torch.where(step > 0, lookup.gather(1, flat), flat)
    return equalized.view_as(images).to(torch.uint8)


def _grey(images: torch.Tensor) -> torch.Tensor:
    weights = constant_on(LUMA, torch.float32, images.device)[:, None, None]
    return (images * weights).sum(1, keepdim=True).floor()


def _enhance(images: torch.Tensor, without: torch.Tensor, strengths: torch.Tensor) -> torch.Tensor:
    """Interpolate or extrapolate between a degenerate image, (B, 1 or 3, S, S), and the image."""
    factors = (1 + ENHANCEMENT * strengths)[:, None, None, None]
    return (without + factors * (images - without)).clamp(0, 255).to(torch.uint8)


def _move(images: torch.Tensor, entries: dict[tuple[int, int], torch.Tensor]) -> torch.Tensor:
    """Apply an affine map with nearest-neighbour sampling; pixels from outside are black.

    Args:
        images: (B, 3, S, S), uint8.
        entries: (row, column) -> values (B,) of the matrix (B, 2, 3) that maps output pixels to
            input pixels, relative to the centre; missing entries are those of the identity.
    """
    count, side = len(images), images.shape[-1]
    matrix = torch.eye(2, 3, device=images.device).repeat(count, 1, 1)
    for place, values in entries.items():
        matrix[:, *place] = values
    matrix[:, :, 2] *= 2 / side
    grid = F.affine_grid(matrix, [*images.shape], align_corners=False)
    moved = F.grid_sample(images.float(), grid, mode="nearest", align_corners=False)
    return moved.to(torch.uint8)


OPERATIONS: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "identity": _identity,
    "shear_x": _shear_x,
    "shear_y": _shear_y,
    "translate_x": _translate_x,
    "translate_y": _translate_y,
    "rotate": _rotate,
    "brightness": _brightness,
    "colour": _colour,
    "contrast": _contrast,
    "sharpness": _sharpness,
    "posterize": _posterize,
    "solarize": _solarize,
    "auto_contrast": _auto_contrast,
    "equalize": _equalize,
}
"""Name -> (images (B, 3, S, S), uint8; strengths (B,), -1 to 1) -> images (B, 3, S, S), uint8."""
