"""Images are resized as Pillow does it, by PyTorch."""

import hashlib
import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mgd3_kedro.datasets import resizing
from mgd3_kedro.datasets.decoding import decode_image, to_rgb
from mgd3_kedro.datasets.resizing import centre_crop, resize_once

SIDE = 32
SIZES = [(60, 44), (44, 60), (50, 50), (131, 70), (200, 64), (31, 40), (7, 9), (33, 32), (1, 1)]
STRIPS = [(1, 9), (9, 1), (40, 1)]
MODES = ("RGB", "L", "1", "P", "RGBA", "LA", "PA", "CMYK", "I;16")


def photo(size, mode="RGB"):
    """Return a picture that is as smooth as photos are."""
    width, height = size
    noise = np.random.default_rng(0).integers(0, 256, (height // 5 + 1, width // 5 + 1, 4))
    image = Image.fromarray(noise.astype(np.uint8), "RGBA").resize(size, Image.Resampling.BICUBIC)
    if mode == "I;16":
        return Image.fromarray(257 * np.asarray(image.convert("L")).astype(np.uint16))
    return image if mode == "RGBA" else image.convert(mode)


def square_by_pil(image, side):
    """Do what `centre_crop` does, with Pillow alone."""
    while min(image.size) >= 2 * side:
        image = image.resize([one // 2 for one in image.size], Image.Resampling.BOX)
    width, height = (round(one * side / min(image.size)) for one in image.size)
    whole = image.resize((width, height), Image.Resampling.BICUBIC)
    left, top = (width - side) // 2, (height - side) // 2
    return np.asarray(whole.crop((left, top, left + side, top + side))).astype(int)


def seen_by_pil(image, resize, side):
    """Do what `resize_once` does, with Pillow alone."""
    width, height = (one * resize // min(image.size) for one in image.size)
    whole = image.resize((width, height), Image.Resampling.BILINEAR)
    left, top = round((width - side) / 2), round((height - side) / 2)
    return np.asarray(whole.crop((left, top, left + side, top + side))).astype(int)


def assert_same(found, expected):
    assert found.shape == expected.shape
    assert found.dtype == np.uint8
    assert abs(found.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("size", SIZES + STRIPS)
def test_squares_are_those_of_pillow_within_one_grey_level(size):
    image = photo(size)
    assert_same(centre_crop(image, SIDE), square_by_pil(image, SIDE))
    # Rows and columns are told apart: of a turned image it is the turned square.
    turned = image.transpose(Image.Transpose.TRANSPOSE)
    assert_same(centre_crop(turned, SIDE), square_by_pil(turned, SIDE))


@pytest.mark.parametrize(("resize", "side"), [(32, 32), (33, 28), (100, 7)])
@pytest.mark.parametrize("size", SIZES + STRIPS)
def test_what_networks_see_is_that_of_pillow_within_one_grey_level(size, resize, side):
    image = photo(size)
    assert_same(resize_once(image, resize, side), seen_by_pil(image, resize, side))


@pytest.mark.parametrize("mode", MODES)
def test_files_of_all_kinds_are_resized_as_by_pillow(mode):
    file = io.BytesIO()
    photo((75, 51), mode).save(file, "TIFF" if mode in ("CMYK", "PA") else "PNG")
    with Image.open(file) as image:
        whole = to_rgb(image)
    found = (decode_image(file.getvalue(), "x", SIDE, resize) for resize in (None, 36))
    for pixels, expected in zip(
        found, (square_by_pil(whole, SIDE), seen_by_pil(whole, 36, SIDE)), strict=True
    ):
        assert_same(pixels, expected)


@pytest.mark.parametrize("size", [(32, 32), (50, 32), (32, 47), (64, 64), (130, 64)])
def test_what_needs_no_filter_keeps_its_bits(size, monkeypatch):
    image = photo(size)
    monkeypatch.setattr(torch.nn.functional, "interpolate", None)
    assert np.array_equal(centre_crop(image, SIDE), square_by_pil(image, SIDE))
    side = min(size)
    assert np.array_equal(resize_once(image, side, SIDE), seen_by_pil(image, side, SIDE))


def test_pixels_can_be_written_to():
    for size in ((32, 32), (60, 44)):
        image = photo(size)
        centre_crop(image, SIDE)[:] = 0
        assert np.array_equal(np.asarray(image), np.asarray(photo(size)))


def pixels_of_a_photo():
    """Return a digest of a photo that is large enough to be divided among threads."""
    image = photo((500, 375))
    squares = (centre_crop(image, 256), resize_once(image, 256, 224))
    return hashlib.sha256(b"".join(square.tobytes() for square in squares)).hexdigest()


def test_the_number_of_threads_changes_no_pixel():
    before = torch.get_num_threads()
    try:
        found = set()
        for threads in (1, 4):
            torch.set_num_threads(threads)
            found.add(pixels_of_a_photo())
    finally:
        torch.set_num_threads(before)
    assert len(found) == 1


def test_processors_without_vector_instructions_give_the_same_pixels():
    """There, a photo is divided among threads; with AVX2 it is not."""
    script = f"""
import sys, torch
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_resizing import pixels_of_a_photo
print(torch.backends.cpu.get_cpu_capability())
for threads in (1, 4):
    torch.set_num_threads(threads)
    print(pixels_of_a_photo())
"""
    run = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "ATEN_CPU_CAPABILITY": "default"},
        capture_output=True,
        text=True,
        check=True,
    )
    kernels, *found = run.stdout.split("\n")[:-1]
    assert "AVX2" not in kernels
    assert "AVX512" not in kernels
    assert found == [pixels_of_a_photo()] * 2


def test_no_image_is_resized_that_would_fill_the_memory(monkeypatch):
    monkeypatch.setattr(resizing, "MAX_PIXELS", 32 * 64)
    assert centre_crop(photo((100, 50)), SIDE).shape == (SIDE, SIDE, 3)
    with pytest.raises(ValueError, match="102 x 50 pixels are too elongated"):
        centre_crop(photo((102, 50)), SIDE)
    with pytest.raises(ValueError, match="102 x 50 pixels are too elongated"):
        resize_once(photo((102, 50)), SIDE, SIDE)
