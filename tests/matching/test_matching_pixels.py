import pytest
import torch

from mgd3_kedro.evaluation.augment import normalize
from mgd3_kedro.images import LazyImages
from mgd3_kedro.matching.pixels import (
    check_real_images,
    denormalize,
    draw_rows,
    to_bytes,
    to_unit,
)


def test_bytes_survive_the_way_to_normalised_pixels_and_back():
    images = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16).expand(1, 3, 16, 16)
    there = normalize(to_unit(images, torch.device("cpu")))
    assert torch.equal(to_bytes(denormalize(there)), images)


def test_what_is_no_colour_is_clamped_and_the_rest_rounded():
    assert to_bytes(torch.tensor([-0.5, 0.0, 0.499 / 255, 0.501 / 255, 1.0, 7.0])).tolist() == [
        0, 0, 0, 1, 255, 255,
    ]  # fmt: skip


def test_rows_are_distinct_and_no_more_than_there_are(seeded):
    assert sorted(draw_rows(5, 9, seeded()).tolist()) == [0, 1, 2, 3, 4]
    assert len(set(draw_rows(50, 9, seeded()).tolist())) == 9


@pytest.mark.parametrize(
    ("images", "complaint"),
    [
        (torch.zeros(4, 3, 8, 8), r"real: expected uint8 .*got torch.float32"),
        (torch.zeros(4, 1, 8, 8, dtype=torch.uint8), r"\(4, 1, 8, 8\)"),
        (torch.zeros(4, 3, 8, 9, dtype=torch.uint8), r"\(4, 3, 8, 9\)"),
        (torch.zeros(3, 8, 8, dtype=torch.uint8), r"\(3, 8, 8\)"),
        (torch.zeros(3, 3, 8, 8, dtype=torch.uint8), "ipc: expected at least 4 .*got 3"),
    ],
)
def test_images_of_another_shape_and_too_few_are_refused(images, complaint):
    with pytest.raises(ValueError, match=complaint):
        check_real_images("real", images, 1, 4)


@pytest.mark.parametrize("ipc", [0, -1])
def test_less_than_one_image_is_refused(ipc):
    with pytest.raises(ValueError, match="ipc: expected a number"):
        check_real_images("real", torch.zeros(4, 3, 8, 8, dtype=torch.uint8), ipc, 1)


def test_images_that_are_decoded_later_are_checked_by_their_shape():
    lazy = LazyImages(torch.zeros, 5, 8)
    check_real_images("real", lazy, 2, 5)
    with pytest.raises(ValueError, match="ipc: expected at least 6 images of the class"):
        check_real_images("real", lazy, 2, 6)


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_pixels_that_are_not_finite_are_refused_and_not_black(value):
    images = torch.rand(2, 3, 3, 4, 4)
    images[1, 0, 2, 3, 3] = value
    message = r"pixels: .* 1 of 6 .*image 3; .*lower methods\.NAME\.learning_rate$"
    with pytest.raises(FloatingPointError, match=message):
        to_bytes(images)
    names = [f"image {number} of label {label}" for label in (0, 1) for number in (0, 1, 2)]
    with pytest.raises(FloatingPointError, match="the first is image 0 of label 1;"):
        to_bytes(images, names)
