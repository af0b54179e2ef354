import itertools
import math

import numpy as np
import pytest
import torch
from PIL import Image

from mgd3_kedro.evaluation.augment import (
    Augmentation,
    augment,
    constant_on,
    draw_augmentation,
    draw_crops,
    normalize,
    recolour,
)

SIZE = 12
MEAN = np.array([0.485, 0.456, 0.406])
STD = np.array([0.229, 0.224, 0.225])


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def draw(count, seed=0, **changes):
    strengths = {
        "crop_min_scale": 0.5,
        "flip_probability": 0.5,
        "jitter_strength": 0.4,
        "lighting_std": 0.1,
    }
    return draw_augmentation(count, SIZE, **(strengths | changes), generator=generator(seed))


def crop_with_pil(image, box, flip, size=SIZE):
    """Cut, resize and mirror one image (3, S, S), channel by channel in floating point."""
    top, left, height, width = (int(value) for value in box)
    channels = []
    for channel in image.numpy():
        cut = Image.fromarray(channel[top : top + height, left : left + width])
        resized = cut.resize((size, size), Image.Resampling.BILINEAR)
        if flip:
            resized = resized.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        channels.append(np.asarray(resized))
    return np.stack(channels)


def recolour_step_by_step(image, factors, shift, order):
    """Brightness, contrast and saturation one after the other, then lighting and normalising."""

    def grey(colours):
        return (0.299 * colours[0] + 0.587 * colours[1] + 0.114 * colours[2])[None]

    image = np.array(image, dtype=np.float64)
    for step in order:
        darker = {
            "brightness": lambda x: np.zeros_like(x),
            "contrast": lambda x: np.full_like(x, grey(x).mean()),
            "saturation": lambda x: np.repeat(grey(x), 3, axis=0),
        }[step](image)
        image = factors[step] * image + (1 - factors[step]) * darker
    image = image + np.array(shift)[:, None, None]
    return (image - MEAN[:, None, None]) / STD[:, None, None]


def named(jitter):
    return dict(zip(("brightness", "contrast", "saturation"), jitter.tolist(), strict=True))


def test_crops_lie_inside_the_image_and_keep_area_and_aspect():
    top, left, height, width = draw_crops(5000, 224, 0.5, generator()).unbind(1)
    assert (torch.stack((top, left, height, width)) % 1 == 0).all()
    assert top.min() == 0
    assert left.min() == 0
    assert (top + height).max() == 224
    assert (left + width).max() == 224
    area = height * width / 224**2
    assert 0.495 < area.min() < 0.51
    assert 0.99 < area.max() <= 1
    assert 0.74 < (width / height).min() < 0.77
    assert 1.30 < (width / height).max() < 1.35


def test_crops_reach_every_position_that_fits():
    top, left, height, width = draw_crops(4000, 8, 0.3, generator()).unbind(1)
    for corner, side in ((top, height), (left, width)):
        assert set(corner[side == 6].tolist()) == {0, 1, 2}


def test_crops_are_distributed_as_those_drawn_one_by_one():
    rng = np.random.default_rng(0)
    rows = []
    for _ in range(6000):
        for _attempt in range(10):
            area = 64 * 64 * rng.uniform(0.3, 1)
            aspect = math.exp(rng.uniform(math.log(3 / 4), math.log(4 / 3)))
            width, height = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
            if 0 < width <= 64 and 0 < height <= 64:
                top, left = rng.integers(0, 64 - height + 1), rng.integers(0, 64 - width + 1)
                rows.append((top, left, height, width))
                break
        else:
            rows.append((0, 0, 64, 64))
    theirs = np.array(rows, dtype=float)
    ours = draw_crops(6000, 64, 0.3, generator()).numpy()
    np.testing.assert_allclose(ours.mean(0), theirs.mean(0), atol=0.5)
    np.testing.assert_allclose(ours.std(0), theirs.std(0), atol=0.4)


def test_areas_and_the_logarithms_of_aspect_ratios_are_drawn_evenly():
    # Crops of less than half the area always fit, whatever their aspect ratio.
    _, _, height, width = draw_crops(20_000, 2000, 0.01, generator()).numpy().T
    area = height * width / 2000**2
    small = area < 0.5
    quartiles = np.linspace(0, 1, 5)
    np.testing.assert_allclose(
        np.quantile(area[small], quartiles), np.linspace(0.01, 0.5, 5), atol=0.01
    )
    np.testing.assert_allclose(
        np.quantile(np.log(width / height)[small], quartiles),
        np.linspace(-np.log(4 / 3), np.log(4 / 3), 5),
        atol=0.012,
    )
    assert abs(np.corrcoef(area[small], (width / height)[small])[0, 1]) < 0.03


def test_a_crop_that_never_fits_becomes_the_whole_image():
    crops = draw_crops(200, 1000, 1.0, generator())
    whole = (crops == torch.tensor([0.0, 0, 1000, 1000])).all(1)
    assert whole.float().mean() > 0.9


@pytest.mark.parametrize(
    "order", list(itertools.permutations(("brightness", "contrast", "saturation")))
)
def test_recolouring_equals_its_steps_one_by_one_in_any_order(order):
    images = torch.rand(6, 3, SIZE, SIZE, generator=generator(4))
    drawn = draw(6, seed=5)
    ours = recolour(images, drawn.jitter, drawn.lighting)
    for index, image in enumerate(images):
        theirs = recolour_step_by_step(
            image.numpy(), named(drawn.jitter[index]), drawn.lighting[index].tolist(), order
        )
        np.testing.assert_allclose(ours[index].numpy(), theirs, atol=1e-5)


@pytest.mark.parametrize("size", [None, 7, 20])
def test_augmenting_is_cropping_then_recolouring(size):
    images = torch.rand(8, 3, SIZE, SIZE, generator=generator(6))
    drawn = draw(8, seed=7)
    ours = augment(images, drawn, size=size)
    assert 0 < int(drawn.flips.sum()) < 8
    for index, image in enumerate(images):
        cropped = crop_with_pil(image, drawn.crops[index], drawn.flips[index], size or SIZE)
        theirs = recolour_step_by_step(
            cropped,
            named(drawn.jitter[index]),
            drawn.lighting[index].tolist(),
            ("contrast", "saturation", "brightness"),
        )
        np.testing.assert_allclose(ours[index].numpy(), theirs, atol=2e-4)


def test_without_strength_augmentation_is_normalisation():
    images = torch.rand(3, 3, SIZE, SIZE, generator=generator(8))
    drawn = draw(3, flip_probability=0.0, jitter_strength=0.0, lighting_std=0.0)
    drawn = drawn._replace(crops=torch.tensor([[0.0, 0, SIZE, SIZE]]).repeat(3, 1))
    theirs = (images.numpy() - MEAN[:, None, None]) / STD[:, None, None]
    np.testing.assert_allclose(augment(images, drawn).numpy(), theirs, atol=1e-4)
    np.testing.assert_allclose(normalize(images).numpy(), theirs, atol=1e-5)


def test_lighting_varies_along_the_principal_colours_with_their_weights():
    vectors = np.array(
        [[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.8140], [-0.5836, -0.6948, 0.4203]]
    )
    values = np.array([0.2175, 0.0188, 0.0045])
    expected = 0.1**2 * sum(
        values[k] ** 2 * np.outer(vectors[:, k], vectors[:, k]) for k in range(3)
    )
    lighting = draw(50_000).lighting.numpy()
    np.testing.assert_allclose(np.cov(lighting.T), expected, atol=0.02 * expected.max())
    np.testing.assert_allclose(lighting.mean(0), 0, atol=3e-4)


def test_factors_and_flips_follow_their_strengths():
    drawn = draw(20_000, jitter_strength=0.4, flip_probability=0.3)
    assert 0.6 <= drawn.jitter.min() < 0.61
    assert 1.39 < drawn.jitter.max() <= 1.4
    np.testing.assert_allclose(drawn.jitter.mean(0).numpy(), 1, atol=0.01)
    np.testing.assert_allclose(np.corrcoef(drawn.jitter.T.numpy()), np.eye(3), atol=0.03)
    assert drawn.flips.float().mean().item() == pytest.approx(0.3, abs=0.02)
    assert not draw(100, flip_probability=0.0).flips.any()
    assert draw(100, flip_probability=1.0).flips.all()


def test_parameters_are_a_function_of_the_generator_alone():
    first = draw(5, seed=9)
    torch.manual_seed(123)
    state = torch.get_rng_state()
    again = draw(5, seed=9)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    other = draw(5, seed=10)
    assert not torch.equal(first.jitter, other.jitter)


@pytest.mark.parametrize("size", [None, 7])
def test_augmenting_reads_no_value_back_from_the_device(size):
    there = draw(4).rows(slice(1, 3), torch.device("meta"))
    assert all(values.is_meta for values in there)
    images = torch.empty(2, 3, SIZE, SIZE, device="meta")
    augmented = augment(images, there, size=size)
    assert augmented.is_meta
    assert augmented.shape == (2, 3, size or SIZE, size or SIZE)
    assert normalize(images).is_meta


def test_colours_first_normalised_without_gradients_are_with_them_later():
    constant_on.cache_clear()
    images = torch.rand(1, 3, 2, 2, requires_grad=True)
    with torch.inference_mode():
        normalize(images)
    normalize(images).sum().backward()
    assert images.grad is not None


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
@pytest.mark.parametrize("size", [None, 7])
def test_augmenting_does_not_wait_for_a_graphics_card_and_gives_the_same_pixels(size):
    images, drawn = torch.rand(4, 3, SIZE, SIZE, generator=generator(11)), draw(4, seed=12)
    there = images.cuda()
    augment(there, drawn.rows(slice(0, 4), there.device), size=size)  # constants are sent once
    torch.cuda.set_sync_debug_mode("error")
    try:
        augmented = augment(there, drawn.rows(slice(0, 4), there.device), size=size)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert torch.allclose(augmented.cpu(), augment(images, drawn, size=size), atol=1e-4)


def test_rows_select_the_same_samples_of_every_parameter():
    drawn = draw(6)
    part = drawn.rows(slice(2, 4), torch.device("cpu"))
    assert isinstance(part, Augmentation)
    assert all(torch.equal(a, b[2:4]) for a, b in zip(part, drawn, strict=True))
