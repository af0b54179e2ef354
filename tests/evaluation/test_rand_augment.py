"""RandAugment's operations are Pillow's, at torchvision's strengths."""

import math

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageOps

from mgd3_kedro.evaluation.rand_augment import OPERATIONS, Drawn, draw_operations, rand_augment

SIDE, MAGNITUDE = 33, 6
SLOPE = 0.3 * MAGNITUDE / 30
SHIFT = int(150 / 331 * SIDE * MAGNITUDE / 30)
ANGLE = 30 * MAGNITUDE / 30
CHANGE = 0.9 * MAGNITUDE / 30


def affine(a, b, c, d, e, f):
    return lambda image: image.transform(image.size, Image.Transform.AFFINE, (a, b, c, d, e, f))


PILLOW = {
    "identity": lambda sign: lambda image: image,
    "shear_x": lambda sign: affine(1, sign * SLOPE, 0, 0, 1, 0),
    "shear_y": lambda sign: affine(1, 0, 0, sign * SLOPE, 1, 0),
    "translate_x": lambda sign: affine(1, 0, sign * SHIFT, 0, 1, 0),
    "translate_y": lambda sign: affine(1, 0, 0, 0, 1, sign * SHIFT),
    "rotate": lambda sign: lambda image: image.rotate(sign * ANGLE),
    "brightness": lambda sign: lambda i: ImageEnhance.Brightness(i).enhance(1 + sign * CHANGE),
    "colour": lambda sign: lambda i: ImageEnhance.Color(i).enhance(1 + sign * CHANGE),
    "contrast": lambda sign: lambda i: ImageEnhance.Contrast(i).enhance(1 + sign * CHANGE),
    "sharpness": lambda sign: lambda i: ImageEnhance.Sharpness(i).enhance(1 + sign * CHANGE),
    "posterize": lambda sign: lambda image: ImageOps.posterize(image, 7),
    "solarize": lambda sign: lambda image: ImageOps.solarize(image, 204),
    "auto_contrast": lambda sign: ImageOps.autocontrast,
    "equalize": lambda sign: ImageOps.equalize,
}


@pytest.fixture(scope="module")
def photo():
    """Return a picture with edges, ramps and noise, not of the full range."""
    y, x = np.mgrid[:SIDE, :SIDE]
    ramps = np.stack([4 * x + 30, 5 * y + 20, 3 * (x + y) + 10], -1)
    ramps[8:20, 5:25] = (200, 40, 90)
    noise = np.random.default_rng(0).integers(0, 15, ramps.shape)
    return (ramps + noise).astype(np.uint8)


def apply(photo, name, sign, magnitude=MAGNITUDE):
    operation = torch.tensor([[list(OPERATIONS).index(name)]])
    drawn = Drawn(operation, torch.tensor([[float(sign)]]))
    images = torch.from_numpy(photo).permute(2, 0, 1)[None]
    return rand_augment(images, drawn, magnitude)[0].permute(1, 2, 0).numpy().astype(int)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_is_what_pillow_makes_of_it(name, sign, photo):
    expected = np.asarray(PILLOW[name](sign)(Image.fromarray(photo))).astype(int)
    found = apply(photo, name, sign)
    # A pixel whose origin is half way between two may be either of them.
    assert (np.abs(found - expected) <= 1).mean() > 0.985
    assert name == "identity" or not np.array_equal(found, photo)


@pytest.mark.parametrize(
    "name", sorted(set(OPERATIONS) - {"identity", "auto_contrast", "equalize"})
)
def test_operations_with_a_strength_do_nothing_without_one(name, photo):
    assert np.abs(apply(photo, name, 1, magnitude=0) - photo).max() <= (name == "solarize")


def test_images_without_a_range_stay_as_they_are():
    plain = np.full((SIDE, SIDE, 3), 77, dtype=np.uint8)
    for name in ("auto_contrast", "equalize"):
        assert (apply(plain, name, 1) == 77).all()


def test_every_operation_is_drawn_alike_and_both_ways():
    drawn = draw_operations(14_000, 1, torch.Generator().manual_seed(0))
    counts = torch.bincount(drawn.operations.flatten(), minlength=14)
    # 1000 expected, standard deviation 30.
    assert counts.min() > 880
    assert counts.max() < 1120
    assert abs(float(drawn.signs.mean())) < 0.05
    assert set(drawn.signs.unique().tolist()) == {-1.0, 1.0}


def test_operations_follow_each_other_and_rows_belong_to_their_images(photo):
    images = torch.from_numpy(photo).permute(2, 0, 1)[None].repeat(20, 1, 1, 1)
    before = images.clone()
    drawn = draw_operations(20, 2, torch.Generator().manual_seed(1))
    together = rand_augment(images, drawn, MAGNITUDE)
    apart = [rand_augment(images[i : i + 1], drawn.rows(slice(i, i + 1)), 6) for i in range(20)]
    assert torch.equal(together, torch.cat(apart))
    one_by_one = images
    for step in range(2):
        one = Drawn(drawn.operations[step : step + 1], drawn.signs[step : step + 1])
        one_by_one = rand_augment(one_by_one, one, MAGNITUDE)
    assert torch.equal(together, one_by_one)
    assert torch.equal(images, before)


def test_rotations_turn_about_the_centre(photo):
    turned = apply(photo, "rotate", 1, magnitude=30)
    middle = SIDE // 2
    assert (turned[middle, middle] == photo[middle, middle]).all()
    distance = 10
    x = middle + round(distance * math.cos(math.radians(30)))
    y = middle + round(distance * math.sin(math.radians(30)))
    expected = photo[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2].reshape(-1, 3).astype(int)
    assert (np.abs(expected - turned[middle, middle + distance]).sum(1) == 0).any()
