"""Several small images in the place of each that is asked for."""

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
    """What the pixels of an image are spent on.

    Args:
        factor: Small images in the place of one, along a side: 2 makes four of half the side.

    Raises:
        ValueError: If it is no number of 1 or more.

    Source: IDC (arXiv 2205.14959), multi-formation; here small images stay files of their own.
    """

    factor: int = 1

    def __post_init__(self) -> None:
        check_count(FACTOR, self.factor)

    @property
    def small_images(self) -> int:
        """How many small images are in the place of one."""
        return self.factor**2

    def of(self, ipc: int) -> int | None:
        """Return how many images are made of a class, where that is not ipc."""
        return None if self.factor == 1 else ipc * self.small_images

    def side_of(self, image_size: int) -> int:
        """Return the side of what is made in the place of images, in pixels."""
        return image_size // self.factor

    def shrink(self, images: torch.Tensor) -> torch.Tensor:
        """Bring images (N, 3, S, S), uint8, to the side of small ones."""
        side = self.side_of(images.shape[-1])
        if self.factor == 1:
            return images
        return F.interpolate(images, (side, side), mode="bicubic", antialias=True)

    def as_columns(self) -> dict[str, int]:
        """Return what rows of images tell; nothing where each has the place of one."""
        return {} if self.factor == 1 else {SMALL_IMAGES: self.small_images}


WHOLE = MultiFormation()
"""An image in the place of each."""


def take_formation(settings: Mapping[str, Any]) -> tuple[MultiFormation, dict[str, Any]]:
    """Return what a method spends pixels on, and its other settings.

    Raises:
        ValueError: If the factor does not fit.
    """
    others = {name: value for name, value in settings.items() if name != FACTOR}
    return MultiFormation(settings.get(FACTOR, 1)), others
