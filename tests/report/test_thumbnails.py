import base64
import io

import numpy as np
import pytest
from PIL import Image

from mgd3_kedro.report.thumbnails import SIDE, as_data_uri


def opened(uri):
    kind, _, content = uri.removeprefix("data:image/").partition(";base64,")
    return kind, Image.open(io.BytesIO(base64.b64decode(content)))


def test_small_images_are_kept_to_the_pixel():
    pixels = np.random.default_rng(0).integers(0, 256, (3, 32, 32), dtype=np.uint8)
    kind, image = opened(as_data_uri(pixels))
    assert kind == "png"
    np.testing.assert_array_equal(np.asarray(image).transpose(2, 0, 1), pixels)


def test_grey_images_are_kept_in_one_channel():
    pixels = np.tile(np.arange(0, 256, 4, dtype=np.uint8), (3, 64, 1))
    _, image = opened(as_data_uri(pixels))
    assert image.mode == "L"
    np.testing.assert_array_equal(np.asarray(image), pixels[0])


def test_large_images_are_made_small():
    pixels = np.random.default_rng(0).integers(0, 256, (3, 512, 256), dtype=np.uint8)
    uri = as_data_uri(pixels)
    kind, image = opened(uri)
    assert (kind, image.size) == ("jpeg", (SIDE // 2, SIDE))
    assert len(uri) < 12_000


@pytest.mark.parametrize(
    "pixels", [np.zeros((3, 8, 8)), np.zeros((8, 8, 3), np.uint8), np.zeros((3, 8), np.uint8)]
)
def test_what_is_no_image_is_refused(pixels):
    with pytest.raises(ValueError, match=r"expected uint8 \(3, H, W\)"):
        as_data_uri(pixels)
