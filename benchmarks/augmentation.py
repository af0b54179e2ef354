"""Speed of augmenting whole batches, compared with one image at a time."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image, ImageEnhance

from benchmarks.models import SEED, Bench
from benchmarks.timing import Spread, spread_of, time_ratios
from mgd3_kedro.evaluation.augment import (
    EIGENVALUES,
    EIGENVECTORS,
    MEAN,
    STD,
    augment,
    draw_augmentation,
)

CROP_MIN_SCALE = 0.5
FLIP_PROBABILITY = 0.5
JITTER_STRENGTH = 0.4
LIGHTING_STD = 0.1
"""Strengths of the hard-label protocol."""
ATTEMPTS = 10

EIGENVALUE_ARRAY, EIGENVECTOR_ARRAY = np.array(EIGENVALUES), np.array(EIGENVECTORS)
MEAN_ARRAY, STD_ARRAY = np.array(MEAN, np.float32), np.array(STD, np.float32)


class Pictures(NamedTuple):
    """A batch of random images.

    Args:
        count: Number of images, B.
        side: Side of an image, in pixels, S.
    """

    count: int
    side: int

    def load(self) -> torch.Tensor:
        """Return the images, (B, 3, S, S), uint8."""
        generator = torch.Generator().manual_seed(SEED)
        shape = (self.count, 3, self.side, self.side)
        return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)


class Sample(NamedTuple):
    """Augmentation parameters of one image.

    Args:
        box: Left, top, right and bottom of the crop, in pixels.
        flipped: Whether to mirror left and right.
        factors: Factors of brightness, contrast and saturation.
        lighting: (3,), added to red, green and blue.
    """

    box: tuple[int, int, int, int]
    flipped: bool
    factors: tuple[float, float, float]
    lighting: np.ndarray


def compare_with_pil(bench: Bench, work: Pictures) -> Spread:
    """Return the time to augment a batch, over that of Pillow and numpy image by image."""
    images = work.load()
    pictures = as_pictures(images)
    images = images.to(bench.device)
    generator = torch.Generator().manual_seed(SEED)
    numbers = random.Random(SEED)

    def one_by_one() -> torch.Tensor:
        return augment_one_by_one(pictures, [draw_sample(work.side, numbers) for _ in pictures])

    ratios = time_ratios(lambda: augment_batch(images, generator), one_by_one, bench.seconds)
    return spread_of(ratios)


def augment_batch(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Draw parameters for a batch (B, 3, S, S), uint8, and augment it."""
    drawn = draw_augmentation(
        len(images),
        images.shape[-1],
        crop_min_scale=CROP_MIN_SCALE,
        flip_probability=FLIP_PROBABILITY,
        jitter_strength=JITTER_STRENGTH,
        lighting_std=LIGHTING_STD,
        generator=generator,
    )
    return augment(images.float() / 255, drawn.rows(slice(None), images.device))


def as_pictures(images: torch.Tensor) -> list[Image.Image]:
    """Return images (B, 3, S, S), uint8, as Pillow images."""
    return [Image.fromarray(image) for image in images.permute(0, 2, 3, 1).contiguous().numpy()]


def draw_sample(side: int, numbers: random.Random) -> Sample:
    """Draw the parameters of one image.

    Args:
        side: Side of the image, in pixels.
        numbers: Source of randomness.

    Source: torchvision's RandomResizedCrop; IDC (arXiv 2205.14959), released code.
    """
    brightness, contrast, saturation = (
        numbers.uniform(1 - JITTER_STRENGTH, 1 + JITTER_STRENGTH) for _ in range(3)
    )
    shifts = np.array([numbers.gauss(0, LIGHTING_STD) for _ in range(3)])
    return Sample(
        _draw_box(side, numbers),
        numbers.random() < FLIP_PROBABILITY,
        (brightness, contrast, saturation),
        (EIGENVECTOR_ARRAY @ (shifts * EIGENVALUE_ARRAY)).astype(np.float32),
    )


def augment_one_by_one(pictures: Sequence[Image.Image], samples: Sequence[Sample]) -> torch.Tensor:
    """Augment the images one by one and stack the results, (B, 3, S, S).

    Source: IDC (arXiv 2205.14959), released code.
    """
    return torch.stack(
        [_augment_one(picture, sample) for picture, sample in zip(pictures, samples, strict=True)]
    )


def _draw_box(side: int, numbers: random.Random) -> tuple[int, int, int, int]:
    limit = math.log(4 / 3)
    for _ in range(ATTEMPTS):
        area = side * side * numbers.uniform(CROP_MIN_SCALE, 1)
        aspect = math.exp(numbers.uniform(-limit, limit))
        width, height = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if 0 < width <= side and 0 < height <= side:
            left, top = numbers.randint(0, side - width), numbers.randint(0, side - height)
            return left, top, left + width, top + height
    return 0, 0, side, side


def _augment_one(picture: Image.Image, sample: Sample) -> torch.Tensor:
    brightness, contrast, saturation = sample.factors
    # Do not use the `box` argument of `resize`: its filter reads pixels outside the box.
    picture = picture.crop(sample.box).resize(picture.size, Image.Resampling.BILINEAR)
    if sample.flipped:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    picture = ImageEnhance.Brightness(picture).enhance(brightness)
    picture = ImageEnhance.Contrast(picture).enhance(contrast)
    picture = ImageEnhance.Color(picture).enhance(saturation)
    pixels = np.asarray(picture, dtype=np.float32) / 255
    pixels = (pixels + (sample.lighting - MEAN_ARRAY)) / STD_ARRAY
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))
