"""Multi-formation: several small images replace one image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F

from mgd3_kedro.checks import check_count
from mgd3_kedro.stages import SMALL_IMAGES

FACTOR = "factor"


@dataclass(frozen=True)
class MultiFormation:
    """Multi-formation: small images with the same total number of pixels as one image.

    Args:
        factor: Small images per side of one image: 2 means four images of half the side.

    Raises:
        ValueError: If the factor is not a positive whole number.

    Source: IDC (arXiv 2205.14959), multi-formation; here each small image is a separate file.
    """

    factor: int = 1

    def __post_init__(self) -> None:
        check_count(FACTOR, self.factor)

    @property
    def small_images(self) -> int:
        """Number of small images that replace one image."""
        return self.factor**2

    def of(self, ipc: int) -> int | None:
        """Return the number of images made of a class; None if it is ipc."""
        return None if self.factor == 1 else ipc * self.small_images

    def side_of(self, image_size: int) -> int:
        """Return the side of the small images, in pixels."""
        return image_size // self.factor

    def shrink(self, images: torch.Tensor) -> torch.Tensor:
        """Resize images (N, 3, S, S), uint8, to the side of small images."""
        side = self.side_of(images.shape[-1])
        if self.factor == 1:
            return images
        return F.interpolate(images, (side, side), mode="bicubic", antialias=True)

    def as_columns(self) -> dict[str, int]:
        """Return the column for the provenance of images; nothing if the factor is 1."""
        return {} if self.factor == 1 else {SMALL_IMAGES: self.small_images}


WHOLE = MultiFormation()
"""No multi-formation: factor 1."""


def take_formation(settings: Mapping[str, Any]) -> tuple[MultiFormation, dict[str, Any]]:
    """Split the settings of a method into multi-formation and other settings.

    Raises:
        ValueError: If the factor is not a positive whole number.
    """
    others = {name: value for name, value in settings.items() if name != FACTOR}
    return MultiFormation(settings.get(FACTOR, 1)), others
