"""RDED: the most recognisable crops of real images, tiled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch

from mgd3_kedro.checks import check_count, check_finite, check_range
from mgd3_kedro.evaluation.augment import MEAN, resized_crop
from mgd3_kedro.matching.mosaics import check_divisible, tile
from mgd3_kedro.matching.pixels import RealImages, check_real_images, draw_rows, to_bytes, to_unit
from mgd3_kedro.stages import neutral

CPU = torch.device("cpu")


@dataclass(frozen=True)
class RdedConfig:
    """Settings of RDED.

    Args:
        candidates: Most images of a class that crops are cut from.
        crops_per_image: Crops per image, of which the best is kept.
        factor: Crops along a side of a distilled image.
        crop_min_scale: Smallest share of the area that a crop keeps, in (0, 1].
        batch_size: Images whose crops are scored together.

    Raises:
        ValueError: If a value is not valid; the message names the setting.
    """

    candidates: int
    crops_per_image: int
    factor: int
    crop_min_scale: float
    batch_size: int = neutral()

    def __post_init__(self) -> None:
        for name in ("candidates", "crops_per_image", "factor", "batch_size"):
            check_count(name, getattr(self, name))
        check_range("crop_min_scale", self.crop_min_scale, 0, 1, low_open=True)


class CroppedImages(NamedTuple):
    """Tiled crops and where they come from; P = factor * factor, in reading order.

    Args:
        images: (ipc, 3, S, S), uint8.
        sources: (ipc, P), int64, the index of the image that each patch was cut from.
        crops: (ipc, P, 4), int64, top, left, height and width of each crop in its image, in pixels.
        scores: (ipc, P), float, the cross-entropy of each patch.
    """

    images: torch.Tensor
    sources: torch.Tensor
    crops: torch.Tensor
    scores: torch.Tensor


def cut_crops(
    images: RealImages,
    ipc: int,
    score: Callable[[torch.Tensor], torch.Tensor],
    config: RdedConfig,
    generator: torch.Generator,
) -> CroppedImages:
    """Distil a class: keep the best crop of each candidate image, and tile the best of these.

    Patch p of distilled image i has rank p * ipc + i. To be scored, a crop is placed in the middle
    of an image of the mean colour.

    Args:
        images: (N, 3, S, S), uint8, of one class.
        ipc: Number of images to make.
        score: Images in [0, 1] (B, 3, S, S) -> the teacher's cross-entropy of each, (B,).
        config: Settings.
        generator: Source of randomness, on CPU.

    Raises:
        ValueError: If there are too few images or candidates, S is not a multiple of `factor`, or
            the scores are not of shape (B,).
        NotFiniteError: If a score is not finite.

    Source: RDED (arXiv 2312.03526), section 4 and released code.
    """
    patches_each = config.factor**2
    check_real_images("images", images, ipc, ipc * patches_each)
    if config.candidates < ipc * patches_each:
        raise ValueError(
            f"candidates: expected at least {ipc * patches_each} to make {ipc} images of "
            f"{patches_each} crops, got {config.candidates}"
        )
    size = images.shape[-1]
    check_divisible(size, config.factor)
    rows = draw_rows(len(images), config.candidates, generator)
    shape = len(rows), config.crops_per_image
    crops = draw_square_crops(shape, size, config.crop_min_scale, generator)
    parts = zip(rows.split(config.batch_size), crops.split(config.batch_size), strict=True)
    best = [
        _best_crops(to_unit(images[some], CPU), boxes, score, config.factor)
        for some, boxes in parts
    ]
    patches, scores, kept = (torch.cat(each) for each in zip(*best, strict=True))
    ranking = scores.argsort(stable=True)[: ipc * patches_each].view(patches_each, ipc).T
    return CroppedImages(
        images=to_bytes(tile(patches[ranking], config.factor)),
        sources=rows[ranking],
        crops=kept[ranking].long(),
        scores=scores[ranking],
    )


def draw_square_crops(
    shape: tuple[int, ...], image_size: int, min_scale: float, generator: torch.Generator
) -> torch.Tensor:
    """Draw square crops of random area.

    Args:
        shape: Shape of the result without its last dimension.
        image_size: Side of the images in pixels.
        min_scale: Smallest share of the area, in (0, 1]; the largest is 1.
        generator: Source of randomness, on CPU.

    Returns:
        Top, left, height and width in whole pixels, (*shape, 4), float.

    Source: RDED (arXiv 2312.03526), released code.
    """
    area, *corner = torch.rand(3, *shape, generator=generator)
    share = min_scale + (1 - min_scale) * area
    side = (image_size * share.sqrt()).round().clamp(min=1)
    top, left = ((uniform * (image_size - side + 1)).floor() for uniform in corner)
    return torch.stack((top, left, side, side), -1)


def _best_crops(
    images: torch.Tensor,
    crops: torch.Tensor,
    score: Callable[[torch.Tensor], torch.Tensor],
    factor: int,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the best patch of each image (B, 3, s, s), its score (B,) and its crop (B, 4)."""
    count, tries = crops.shape[:2]
    size = images.shape[-1]
    unflipped = torch.zeros(count * tries, dtype=torch.bool)
    repeated = images.repeat_interleave(tries, 0)
    patches = resized_crop(repeated, crops.flatten(0, 1), unflipped, size // factor)
    scores = score(_pad(patches, size)).detach().float().cpu()
    if scores.shape != (count * tries,):
        raise ValueError(
            f"score: expected one number for each of {count * tries} crops, got shape "
            f"{tuple(scores.shape)}"
        )
    crop_names = [f"crop {number}" for number in range(len(scores))]
    check_finite("score", scores[:, None], "check the teacher's weights", crop_names)
    best = scores.view(count, tries).argmin(1)
    chosen = torch.arange(count) * tries + best
    return patches[chosen], scores[chosen], crops.flatten(0, 1)[chosen]


def _pad(patches: torch.Tensor, size: int) -> torch.Tensor:
    """Put patches (B, 3, s, s) in the middle of images (B, 3, size, size) of the mean colour."""
    side = patches.shape[-1]
    start = (size - side) // 2
    # The mean colour is zero after normalisation, like the padding of the teacher's convolutions.
    padded = patches.new_tensor(MEAN)[:, None, None].repeat(len(patches), 1, size, size)
    padded[..., start : start + side, start : start + side] = patches
    return padded
