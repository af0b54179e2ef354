"""What resizing is of reading a photo, and whether PyTorch's would be as good as Pillow's."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from unittest import mock

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image

from benchmarks.decoding import Photos, decode_all
from benchmarks.models import Bench
from benchmarks.timing import Spread, spread_of, time_ratios
from mgd3_kedro.datasets import decoding
from mgd3_kedro.datasets.decoding import centre_crop

Pixels = NDArray[np.uint8]


def crop_by_torch(image: Image.Image, side: int) -> Pixels:
    """Return what `centre_crop` does, (S, S, 3), with PyTorch's bicubic filter on bytes.

    Args:
        image: In RGB; its short side is less than twice the target, or it would be halved first.
        side: S.
    """
    scale = side / min(image.size)
    width, height = round(image.width * scale), round(image.height * scale)
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None]
    resized = F.interpolate(pixels, size=(height, width), mode="bicubic", antialias=True)[0]
    left, top = (width - side) // 2, (height - side) // 2
    return resized.permute(1, 2, 0)[top : top + side, left : left + side].numpy()


def compare_with_reading(bench: Bench, photos: Photos) -> Spread:
    """Return the CPU time of resizing photos, in that of reading them as a run does."""
    loaded = [partition.load() for partition in photos.load(bench.folder).values()]
    resize = _resizing(centre_crop, _open_all(bench, photos), photos.images.side)
    return _compare(bench, resize, lambda: decode_all(loaded))


def compare_resizes(bench: Bench, photos: Photos) -> Spread:
    """Return the CPU time of resizing photos by PyTorch, in that by Pillow."""
    pictures, side = _open_all(bench, photos), photos.images.side
    by_torch, by_pil = (_resizing(of, pictures, side) for of in (crop_by_torch, centre_crop))
    return _compare(bench, by_torch, by_pil)


def compare_readings(bench: Bench, photos: Photos) -> Spread:
    """Return the CPU time of reading photos with PyTorch's resize, in that as a run does."""
    loaded = [partition.load() for partition in photos.load(bench.folder).values()]

    def read_with_torch() -> None:
        with mock.patch.object(decoding, "centre_crop", crop_by_torch):
            decode_all(loaded)

    return _compare(bench, read_with_torch, lambda: decode_all(loaded))


def measure_mean_difference(bench: Bench, photos: Photos) -> Spread:
    """Return how far pixels are apart on average, 0 to 255; a number for every photo."""
    return spread_of([float(found.mean()) for found in _differences(bench, photos)])


def measure_largest_difference(bench: Bench, photos: Photos) -> Spread:
    """Return how far the two pixels of a photo are apart that differ most, 0 to 255."""
    return spread_of([float(found.max()) for found in _differences(bench, photos)])


def _differences(bench: Bench, photos: Photos) -> list[NDArray[np.int64]]:
    side = photos.images.side
    return [
        abs(np.asarray(centre_crop(one, side)).astype(int) - crop_by_torch(one, side).astype(int))
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
            np.array(resize(picture, side))

    return run


def _compare(bench: Bench, one: Callable[[], None], other: Callable[[], None]) -> Spread:
    return spread_of(time_ratios(one, other, bench.seconds, time.process_time))
