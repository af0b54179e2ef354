"""Share of resizing in the time to read a photo, and comparison with Pillow's resize."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from unittest import mock

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.decoding import Photos, decode_all
from benchmarks.models import Bench
from benchmarks.timing import Spread, spread_of, time_ratios
from mgd3_kedro.datasets import decoding
from mgd3_kedro.datasets.resizing import centre_crop

Pixels = NDArray[np.uint8]


def crop_by_pil(image: Image.Image, side: int) -> Pixels:
    """Return the same crop as `centre_crop`, (S, S, 3), with Pillow's bicubic filter.

    Args:
        image: In RGB; its short side must be less than twice S, as larger ones are halved first.
        side: S.
    """
    scale = side / min(image.size)
    width, height = round(image.width * scale), round(image.height * scale)
    resized = image.resize((width, height), Image.Resampling.BICUBIC)
    left, top = (width - side) // 2, (height - side) // 2
    return np.array(resized.crop((left, top, left + side, top + side)))


def compare_with_reading(bench: Bench, photos: Photos) -> Spread:
    """Return the CPU time of resizing photos, over that of reading them as a run does."""
    loaded = [partition.load() for partition in photos.load(bench.folder).values()]
    resize = _resizing(centre_crop, _open_all(bench, photos), photos.images.side)
    return _compare(bench, resize, lambda: decode_all(loaded))


def compare_resizes(bench: Bench, photos: Photos) -> Spread:
    """Return the CPU time of resizing photos as a run does, over that of Pillow."""
    pictures, side = _open_all(bench, photos), photos.images.side
    by_torch, by_pil = (_resizing(of, pictures, side) for of in (centre_crop, crop_by_pil))
    return _compare(bench, by_torch, by_pil)


def compare_readings(bench: Bench, photos: Photos) -> Spread:
    """Return the CPU time of reading photos as a run does, over that with Pillow's resize."""
    loaded = [partition.load() for partition in photos.load(bench.folder).values()]

    def read_with_pil() -> None:
        with mock.patch.object(decoding, "centre_crop", crop_by_pil):
            decode_all(loaded)

    return _compare(bench, lambda: decode_all(loaded), read_with_pil)


def measure_mean_difference(bench: Bench, photos: Photos) -> Spread:
    """Return the mean difference of pixel values, 0 to 255, of every photo."""
    return spread_of([float(found.mean()) for found in _differences(bench, photos)])


def measure_largest_difference(bench: Bench, photos: Photos) -> Spread:
    """Return the largest difference of pixel values, 0 to 255, of every photo."""
    return spread_of([float(found.max()) for found in _differences(bench, photos)])


def _differences(bench: Bench, photos: Photos) -> list[NDArray[np.int64]]:
    side = photos.images.side
    return [
        abs(centre_crop(one, side).astype(int) - crop_by_pil(one, side).astype(int))
        for one in _open_all(bench, photos)
    ]


def _open_all(bench: Bench, photos: Photos) -> list[Image.Image]:
    paths = sorted(photos.write(bench.folder).rglob("*.jpg"))
    return [Image.open(path).convert("RGB") for path in paths]


def _resizing(
    resize: Callable[[Image.Image, int], Any], pictures: list[Image.Image], side: int
) -> Callable[[], None]:
    def run() -> None:
        for picture in pictures:
            resize(picture, side)

    return run


def _compare(bench: Bench, one: Callable[[], None], other: Callable[[], None]) -> Spread:
    return spread_of(time_ratios(one, other, bench.seconds, time.process_time))
