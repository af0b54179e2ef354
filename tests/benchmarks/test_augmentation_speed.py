import random

import numpy as np
import pytest
import torch

from benchmarks.augmentation import (
    Pictures,
    Sample,
    as_pictures,
    augment_batch,
    augment_one_by_one,
    compare_with_pil,
    draw_sample,
)
from benchmarks.models import Bench
from mgd3_kedro.evaluation.augment import Augmentation, augment


def test_the_two_sides_give_the_same_images_up_to_rounding():
    # Grey values from the middle: Pillow cuts off what leaves the range, after every step.
    images = Pictures(20, 16).load() // 4 + 60
    numbers = random.Random(1)
    samples = [draw_sample(16, numbers) for _ in range(20)]
    boxes = torch.tensor([sample.box for sample in samples]).float()
    corners, ends = boxes[:, [1, 0]], boxes[:, [3, 2]]
    drawn = Augmentation(
        torch.cat((corners, ends - corners), 1),
        torch.tensor([sample.flipped for sample in samples]),
        torch.tensor([sample.factors for sample in samples]),
        torch.from_numpy(np.stack([sample.lighting for sample in samples])),
    )
    ours = augment(images.float() / 255, drawn)
    plain = augment_one_by_one(as_pictures(images), samples)
    assert plain.shape == ours.shape == (20, 3, 16, 16)
    assert plain.dtype == torch.float32
    # Pillow rounds after each of five steps, mostly down, and later steps stretch that.
    grey_values = 255 * (ours - plain).abs() * torch.tensor([0.229, 0.224, 0.225])[:, None, None]
    assert grey_values.max() < 6
    assert grey_values.mean() < 2


def test_parameters_of_one_image_are_drawn_as_those_of_a_batch():
    numbers = random.Random(2)
    samples = [draw_sample(32, numbers) for _ in range(5000)]
    left, top, right, bottom = np.array([sample.box for sample in samples]).T
    assert left.min() == top.min() == 0
    assert right.max() == bottom.max() == 32
    assert 0.48 < ((right - left) * (bottom - top) / 1024).min() < 0.53
    assert np.mean([sample.flipped for sample in samples]) == pytest.approx(0.5, abs=0.03)
    factors = np.array([sample.factors for sample in samples])
    np.testing.assert_allclose(factors.min(0), 0.6, atol=0.01)
    np.testing.assert_allclose(factors.max(0), 1.4, atol=0.01)
    spread = np.array([sample.lighting for sample in samples]).std(0)
    np.testing.assert_allclose(spread, [0.0124, 0.0126, 0.0127], atol=0.0005)


def test_a_batch_is_augmented_anew_in_every_call():
    images = Pictures(4, 16).load()
    generator = torch.Generator().manual_seed(3)
    first, second = (augment_batch(images, generator) for _ in range(2))
    assert first.shape == (4, 3, 16, 16)
    assert first.dtype == torch.float32
    assert not torch.equal(first, second)


def test_images_are_augmented_both_ways_in_turn(tmp_path):
    spread = compare_with_pil(Bench(tmp_path, "cpu", seconds=0.0), Pictures(8, 16))
    assert 0 < spread.low <= spread.median <= spread.high


def test_pictures_hold_the_pixels_of_the_images():
    images = Pictures(2, 5).load()
    for image, picture in zip(images, as_pictures(images), strict=True):
        np.testing.assert_array_equal(np.asarray(picture).transpose(2, 0, 1), image.numpy())
    whole = Sample((0, 0, 5, 5), False, (1.0, 1.0, 1.0), np.zeros(3, np.float32))
    plain = augment_one_by_one(as_pictures(images), [whole, whole])
    theirs = (images / 255 - torch.tensor([0.485, 0.456, 0.406])[:, None, None]) / torch.tensor(
        [0.229, 0.224, 0.225]
    )[:, None, None]
    assert torch.allclose(plain, theirs, atol=1e-6)
