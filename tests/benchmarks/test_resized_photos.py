import numpy as np
import pytest
from PIL import Image

from benchmarks.decoding import Photos
from benchmarks.encoding import ImageSet
from benchmarks.models import Bench
from benchmarks.resizing import (
    compare_readings,
    compare_resizes,
    compare_with_reading,
    crop_by_pil,
    measure_largest_difference,
    measure_mean_difference,
)
from mgd3_kedro.datasets import decoding
from mgd3_kedro.datasets.resizing import centre_crop

PHOTOS = Photos(ImageSet(classes=2, images=3, side=32, channels=(16, 16)), 60, 44)


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path, "cpu", seconds=0.0)


@pytest.mark.parametrize("size", [(60, 44), (44, 60), (50, 50)])
def test_both_ways_cut_out_the_same_square(size):
    noise = np.random.default_rng(0).integers(0, 256, (size[1] // 4, size[0] // 4, 3))
    photo = Image.fromarray(noise.astype(np.uint8)).resize(size, Image.Resampling.BICUBIC)
    ours, theirs = centre_crop(photo, 32).astype(int), crop_by_pil(photo, 32)
    assert ours.shape == theirs.shape == (32, 32, 3)
    assert abs(ours - theirs).mean() < 1
    # A square that is one pixel off is another.
    assert abs(ours[1:] - theirs[:-1]).mean() > 5


def test_differences_are_grey_levels_of_each_photo(bench):
    mean, largest = (
        measure_mean_difference(bench, PHOTOS),
        measure_largest_difference(bench, PHOTOS),
    )
    assert 0 <= mean.median <= largest.median < 10
    assert largest.median == int(largest.median)


@pytest.mark.parametrize("measure", [compare_with_reading, compare_resizes, compare_readings])
def test_resizing_is_timed_alone_and_as_a_part_of_reading(measure, bench):
    spread = measure(bench, PHOTOS)
    assert 0 < spread.low <= spread.median <= spread.high
    assert decoding.centre_crop is centre_crop
