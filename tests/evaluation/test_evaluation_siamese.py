import collections
import math

import numpy as np
import pytest
import torch

from mgd3_kedro.evaluation.siamese import STRATEGY, Siamese, apply_siamese, draw_siamese
from mgd3_kedro.evaluation.siamese_operations import OPERATIONS

SIDES = [8, 9]
NAMES = STRATEGY.split("_")


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def random_images(count, side, seed=0, dtype=torch.float32):
    return torch.randn(count, 3, side, side, generator=generator(seed), dtype=dtype)


def read(image, row, column):
    """Return the colour at a place between pixels; outside there is zero."""
    side = image.shape[-1]
    total = np.zeros(3)
    for i in (math.floor(row), math.floor(row) + 1):
        for j in (math.floor(column), math.floor(column) + 1):
            if 0 <= i < side and 0 <= j < side:
                total += (1 - abs(row - i)) * (1 - abs(column - j)) * image[:, i, j]
    return total


def read_everywhere(image, place):
    """Return an image of what is read at place(down, right), both counted from the centre."""
    side = image.shape[-1]
    middle = (side - 1) / 2
    result = np.zeros_like(image)
    for i in range(side):
        for j in range(side):
            down, right = place(i - middle, j - middle)
            result[:, i, j] = read(image, middle + down, middle + right)
    return result


def colour_one(image, brightness, saturation, contrast):
    image = image + brightness
    grey = image.sum(0) / 3
    image = np.stack([(channel - grey) * saturation + grey for channel in image])
    mean = image.sum() / image.size
    return (image - mean) * contrast + mean


def crop_one(image, down, right):
    side = image.shape[-1]
    result = np.zeros_like(image)
    for i in range(side):
        for j in range(side):
            if 0 <= i + down < side and 0 <= j + right < side:
                result[:, i, j] = image[:, int(i + down), int(j + right)]
    return result


def cut_one(image, top, bottom, left, right):
    result = image.copy()
    result[:, int(top) : int(bottom), int(left) : int(right)] = 0
    return result


def flip_one(image, mirrored):
    return image[:, :, ::-1] if mirrored else image


def scale_one(image, across, down):
    return read_everywhere(image, lambda y, x: (down * y, across * x))


def rotate_one(image, angle):
    sine, cosine = math.sin(angle), math.cos(angle)
    return read_everywhere(image, lambda y, x: (sine * x + cosine * y, cosine * x - sine * y))


ONE_BY_ONE = {
    "color": colour_one,
    "crop": crop_one,
    "cutout": cut_one,
    "flip": flip_one,
    "scale": scale_one,
    "rotate": rotate_one,
}


def test_every_operation_has_a_reference():
    assert set(ONE_BY_ONE) == set(OPERATIONS) == set(NAMES)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("name", NAMES)
def test_an_operation_equals_its_reference_on_each_image(name, side):
    images = random_images(12, side, seed=1, dtype=torch.float64)
    drawn = draw_siamese(12, side, generator(2), shared=False, strategy=name)
    assert drawn.operation == name
    assert len({tuple(row) for row in drawn.values.tolist()}) > 1
    ours = apply_siamese(images, drawn)
    assert ours.shape == images.shape
    assert not torch.allclose(ours, images, atol=0.1)
    for image, values, one in zip(images, drawn.values.double(), ours, strict=True):
        theirs = ONE_BY_ONE[name](image.numpy(), *values.tolist())
        np.testing.assert_allclose(one.numpy(), theirs, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_flow_back_to_the_images(name):
    images = random_images(2, 5, seed=3, dtype=torch.float64).requires_grad_()
    drawn = draw_siamese(2, 5, generator(4), shared=False, strategy=name)
    assert torch.autograd.gradcheck(lambda pixels: apply_siamese(pixels, drawn), images)


def test_one_operation_of_the_strategy_is_drawn_for_a_batch_each_as_often():
    source = generator(5)
    drawn = [draw_siamese(3, 8, source, shared=False).operation for _ in range(3000)]
    counts = collections.Counter(drawn)
    assert set(counts) == set(NAMES)
    assert all(count == pytest.approx(500, abs=75) for count in counts.values())
    few = {draw_siamese(3, 8, source, shared=True, strategy="flip_crop")[0] for _ in range(50)}
    assert few == {"flip", "crop"}


@pytest.mark.parametrize("name", NAMES)
def test_siamese_images_share_one_row_whatever_the_batch(name):
    drawn = draw_siamese(5, 8, generator(6), shared=True, strategy=name)
    one = draw_siamese(1, 8, generator(6), shared=True, strategy=name)
    assert len(drawn.values) == 5
    assert torch.equal(drawn.values, one.values.expand(5, -1))
    images = random_images(5, 8, seed=7)
    augmented = apply_siamese(images, one)
    assert torch.equal(apply_siamese(images, drawn), augmented)
    for index in range(5):
        alone = apply_siamese(images[index : index + 1], one)
        assert torch.allclose(augmented[index : index + 1], alone, atol=1e-6)


def drawn_values(name, side, count=20_000):
    return draw_siamese(count, side, generator(8), shared=False, strategy=name).values.numpy()


def test_colours_are_drawn_from_the_published_intervals():
    values = drawn_values("color", 32)
    for column, low, high in ((0, -0.5, 0.5), (1, 0, 2), (2, 0.5, 1.5)):
        np.testing.assert_allclose(
            np.quantile(values[:, column], [0, 0.25, 0.5, 0.75, 1]),
            np.linspace(low, high, 5),
            atol=0.03,
        )
    np.testing.assert_allclose(np.corrcoef(values.T), np.eye(3), atol=0.03)


@pytest.mark.parametrize(("side", "most"), [(32, 4), (28, 4), (8, 1)])
def test_shifts_reach_an_eighth_of_the_side_each_as_often(side, most):
    for column in drawn_values("crop", side).T:
        places, counts = np.unique(column, return_counts=True)
        np.testing.assert_array_equal(places, np.arange(-most, most + 1))
        np.testing.assert_allclose(counts / 20_000, 1 / (2 * most + 1), atol=0.02)


@pytest.mark.parametrize(("side", "box"), [(32, 16), (9, 5), (6, 3)])
def test_boxes_have_half_the_side_and_are_cut_off_at_the_edge(side, box):
    rng = np.random.default_rng(0)
    centres = rng.integers(0, side + (1 - box % 2), 20_000)
    first, end = centres - box // 2, centres - box // 2 + box
    theirs = np.unique(
        np.stack((first.clip(0, side), end.clip(0, side)), 1), axis=0, return_counts=True
    )
    values = drawn_values("cutout", side)
    for ours in (values[:, :2], values[:, 2:]):
        edges, counts = np.unique(ours, axis=0, return_counts=True)
        np.testing.assert_array_equal(edges, theirs[0])
        np.testing.assert_allclose(counts / 20_000, theirs[1] / 20_000, atol=0.015)
    assert (values[:, 1] - values[:, 0]).max() == box
    assert abs(np.corrcoef(values[:, 0], values[:, 2])[0, 1]) < 0.03


def test_flips_scales_and_angles_are_drawn_from_the_published_intervals():
    assert drawn_values("flip", 32).mean() == pytest.approx(0.5, abs=0.015)
    scales = drawn_values("scale", 32)
    expected = np.linspace(1 / 1.2, 1.2, 5)
    for column in scales.T:
        np.testing.assert_allclose(np.quantile(column, np.linspace(0, 1, 5)), expected, atol=0.006)
    assert abs(np.corrcoef(scales.T)[0, 1]) < 0.03
    angles = np.degrees(drawn_values("rotate", 32))
    expected = np.linspace(-15, 15, 5)
    np.testing.assert_allclose(np.quantile(angles, np.linspace(0, 1, 5)), expected, atol=0.5)


def test_an_unknown_operation_is_refused_whether_or_not_it_would_be_drawn():
    for seed in range(5):
        with pytest.raises(ValueError, match=r"operation 'colour': .* color, crop"):
            draw_siamese(1, 8, generator(seed), shared=True, strategy="crop_colour")


def test_parameters_are_a_function_of_the_generator_alone():
    first = [draw_siamese(4, 8, generator(seed), shared=False) for seed in range(20)]
    state = torch.get_rng_state()
    again = [draw_siamese(4, 8, generator(seed), shared=False) for seed in range(20)]
    assert torch.equal(torch.get_rng_state(), state)
    assert all(a.operation == b.operation for a, b in zip(first, again, strict=True))
    assert all(torch.equal(a.values, b.values) for a, b in zip(first, again, strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_augmenting_reads_no_value_back_from_the_device(name):
    drawn = draw_siamese(4, 8, generator(9), shared=False, strategy=name)
    there = drawn.rows(slice(1, 3), torch.device("meta"))
    assert isinstance(there, Siamese)
    assert there.values.shape == drawn.values[1:3].shape
    augmented = apply_siamese(torch.empty(2, 3, 8, 8, device="meta"), there)
    assert augmented.is_meta
    assert augmented.shape == (2, 3, 8, 8)


def test_rows_select_the_same_samples():
    drawn = draw_siamese(6, 8, generator(10), shared=False, strategy="scale")
    part = drawn.rows(slice(2, 4), torch.device("cpu"))
    assert part.operation == "scale"
    assert torch.equal(part.values, drawn.values[2:4])
