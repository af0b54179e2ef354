import numpy as np
import pytest
import torch
from PIL import Image

from mgd3_kedro.evaluation.resampling import (
    FITTED_AT_ONCE,
    enlarged_crop,
    filtered_crop,
    fit_images,
    resampling_weights,
    resized_crop,
)

SIZES = [(12, 12), (12, 31), (32, 28), (24, 7), (40, 1)]
"""Side of the images, side of the result."""
ENLARGING = [(12, 12), (12, 31), (1, 5)]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def random_images(count, side, seed=0):
    shape = (count, 3, side, side)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator(seed))


def random_crops(count, side, seed=0):
    """Return boxes from one pixel up to the whole image, and flips."""
    rng = np.random.default_rng(seed)
    boxes = [(0, 0, side, side), (side - 1, 0, 1, side)]
    while len(boxes) < count:
        height, width = rng.integers(1, side + 1, 2)
        boxes.append(
            (rng.integers(side - height + 1), rng.integers(side - width + 1), height, width)
        )
    flips = torch.arange(count) % 3 == 0
    return torch.from_numpy(np.array(boxes)).float(), flips


def crop_channels_with_pil(image, box, flip, size):
    """Cut, resize and mirror one image (3, S, S), channel by channel in floating point."""
    top, left, height, width = (int(value) for value in box)
    channels = []
    for channel in image.numpy():
        cut = Image.fromarray(channel).crop((left, top, left + width, top + height))
        resized = cut.resize((size, size), Image.Resampling.BILINEAR)
        if flip:
            resized = resized.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        channels.append(np.asarray(resized))
    return np.stack(channels)


def as_picture(image):
    return Image.fromarray(np.ascontiguousarray(image.permute(1, 2, 0).numpy()))


@pytest.mark.parametrize(("side", "size"), SIZES)
def test_cropping_and_flipping_equal_pil_on_each_image(side, size):
    images = torch.rand(30, 3, side, side, generator=generator(1))
    crops, flips = random_crops(30, side, seed=2)
    ours = resized_crop(images, crops, flips, size)
    assert ours.shape == (30, 3, size, size)
    for index, image in enumerate(images):
        theirs = crop_channels_with_pil(image, crops[index], flips[index], size)
        np.testing.assert_allclose(ours[index].numpy(), theirs, atol=1e-5)


@pytest.mark.parametrize(("side", "size"), SIZES)
def test_cropping_equals_that_of_pictures_within_one_grey_value(side, size):
    images = random_images(30, side, seed=3)
    crops, flips = random_crops(30, side, seed=4)
    ours = resized_crop(images.float() / 255, crops, flips, size)
    for index, image in enumerate(images):
        top, left, height, width = (int(value) for value in crops[index])
        cut = as_picture(image).crop((left, top, left + width, top + height))
        theirs = np.asarray(cut.resize((size, size), Image.Resampling.BILINEAR))
        theirs = theirs[:, ::-1] if flips[index] else theirs
        np.testing.assert_allclose(
            255 * ours[index].permute(1, 2, 0).numpy(), theirs.astype(float), atol=1.05
        )


@pytest.mark.parametrize(("side", "size"), ENLARGING)
def test_both_ways_of_enlarging_are_one(side, size):
    images = torch.rand(20, 3, side, side, generator=generator(5))
    crops, flips = random_crops(20, side, seed=6)
    assert torch.allclose(
        enlarged_crop(images, crops, flips, size),
        filtered_crop(images, crops, flips, size),
        atol=1e-5,
    )


@pytest.mark.parametrize("size", [5, 12, 20])
def test_a_crop_reads_nothing_outside_its_box(size):
    images = torch.full((1, 3, 12, 12), 1000.0)
    images[..., 3:8, 2:11] = 1.0
    cut = resized_crop(images, torch.tensor([[3.0, 2, 5, 9]]), torch.tensor([False]), size)
    assert torch.allclose(cut, torch.ones_like(cut), atol=1e-3)


@pytest.mark.parametrize("resize", [enlarged_crop, filtered_crop])
def test_the_whole_image_as_a_crop_changes_nothing_and_a_flip_mirrors_it(resize):
    images = torch.rand(2, 3, 12, 12, generator=generator(7))
    whole = torch.tensor([[0.0, 0, 12, 12]]).repeat(2, 1)
    out = resize(images, whole, torch.tensor([False, True]), 12)
    assert torch.allclose(out[0], images[0], atol=1e-5)
    assert torch.allclose(out[1], images[1].flip(-1), atol=1e-5)


def test_weights_are_shares_of_the_pixels_of_a_stretch():
    starts, lengths = torch.tensor([0.0, 3, 19, 5]), torch.tensor([20.0, 9, 1, 15])
    weights = resampling_weights(starts, lengths, 20, 6)
    assert weights.shape == (4, 6, 20)
    assert (weights >= 0).all()
    assert torch.allclose(weights.sum(-1), torch.ones(4, 6))
    for row, start, length in zip(weights, starts.int(), lengths.int(), strict=True):
        assert row[:, :start].count_nonzero() == 0
        assert row[:, start + length :].count_nonzero() == 0
        assert (row[:, start : start + length].sum(0) > 0).all()


def test_a_line_halved_is_a_triangle_over_four_pixels():
    weights = resampling_weights(torch.zeros(1), torch.full((1,), 8.0), 8, 4)[0]
    assert torch.allclose(weights[1] * 8, torch.tensor([0.0, 1, 3, 3, 1, 0, 0, 0]))
    assert torch.allclose(weights[0] * 7, torch.tensor([3.0, 3, 1, 0, 0, 0, 0, 0]))


@pytest.mark.parametrize(("side", "size"), SIZES)
def test_cropping_reads_no_value_back_from_the_device(side, size):
    crops, flips = (values.to("meta") for values in random_crops(4, side))
    cut = resized_crop(torch.empty(4, 3, side, side, device="meta"), crops, flips, size)
    assert cut.shape == (4, 3, size, size)
    assert cut.is_meta


@pytest.mark.parametrize(
    ("side", "resize", "size"),
    [(32, 24, 20), (32, 33, 30), (9, 24, 21), (30, 12, 12), (30, 13, 10), (16, 16, 11)],
)
def test_images_are_resized_and_cropped_as_pil_does_it(side, resize, size):
    images = random_images(8, side, seed=8)
    ours = fit_images(images, resize, size)
    assert ours.dtype == torch.uint8
    assert ours.shape == (8, 3, size, size)
    first = round((resize - size) / 2)
    kept = slice(first, first + size)
    whole = torch.tensor([0, 0, side, side])
    for one, image in zip(ours.int().numpy(), images, strict=True):
        picture = as_picture(image).resize((resize, resize), Image.Resampling.BILINEAR)
        picture = np.asarray(picture).transpose(2, 0, 1)[:, kept, kept]
        assert np.abs(one - picture.astype(int)).max() <= 1
        unrounded = crop_channels_with_pil(image.float(), whole, False, resize)[:, kept, kept]
        assert np.abs(one - unrounded).max() < 0.5 + 1e-4


def test_grey_values_are_rounded_to_the_nearest():
    images = torch.tensor([[10, 13], [10, 13]], dtype=torch.uint8).expand(1, 3, 2, 2)
    assert fit_images(images, 4, 4)[0, 0, 0].tolist() == [10, 11, 12, 13]


def test_images_of_the_right_size_stay_as_they_are():
    images = random_images(3, 20, seed=9)
    assert torch.equal(fit_images(images, 20, 20), images)
    assert torch.equal(fit_images(images, 20, 14), images[..., 3:17, 3:17])


def test_more_images_than_are_resized_at_once_keep_their_order():
    values = torch.arange(2 * FITTED_AT_ONCE + 5, dtype=torch.uint8)
    fitted = fit_images(values[:, None, None, None].expand(-1, 3, 6, 6), 4, 3)
    assert torch.equal(fitted, values[:, None, None, None].expand(-1, 3, 3, 3))


@pytest.mark.parametrize("size", [0, 25])
def test_a_centre_that_does_not_exist_is_refused(size):
    with pytest.raises(ValueError, match=r"size: expected a number in \[1, 24\], got"):
        fit_images(random_images(1, 32), 24, size)
