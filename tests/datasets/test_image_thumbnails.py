import io
import tracemalloc

import numpy as np
import pytest
from PIL import Image, ImageOps

from mgd3_kedro.datasets import thumbnails
from mgd3_kedro.datasets.decoding import LOOK_SIDE, describe_image
from mgd3_kedro.datasets.thumbnails import Match, Thumbnails, find_copies

SIDE = 96
COUNT = 40
FEATURE_SPACES = {
    "PNG": {},
    "JPEG": {"quality": 50},
    "WEBP": {"quality": 50},
    "GIF": {},
    "JPEG2000": {"quality_layers": [10]},
}


def scene(number):
    """Return a picture with much low frequencies, as photos have, (SIDE, SIDE)."""
    generator = np.random.default_rng(number)
    pixels = np.zeros((SIDE, SIDE))
    for side in (3, 6, 12, 24):
        noise = Image.fromarray(generator.normal(0, 60 / side**0.5, (side, side)).astype("f4"))
        pixels += np.asarray(noise.resize((SIDE, SIDE), Image.Resampling.BICUBIC))
    return Image.fromarray((pixels + 128).clip(0, 255).astype(np.uint8)).convert("RGB")


def saved(image, form="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def look_of(image, form="PNG", **options):
    look = describe_image(saved(image, form, **options), "x").look
    return np.frombuffer(look, np.uint8).reshape(LOOK_SIDE, LOOK_SIDE)


@pytest.fixture(scope="module")
def scenes():
    return [scene(number) for number in range(COUNT)]


@pytest.fixture(scope="module")
def known(scenes):
    return Thumbnails(np.stack([look_of(image) for image in scenes]))


@pytest.mark.parametrize("form", FEATURE_SPACES)
def test_pictures_that_were_saved_again_are_found(form, scenes, known):
    again = np.stack([look_of(image, form, **FEATURE_SPACES[form]) for image in scenes])
    assert known.find_same(again) == [Match(number, number) for number in range(COUNT)]


def test_smaller_copies_are_found(scenes, known):
    half = np.stack([look_of(image.resize((SIDE // 2,) * 2)) for image in scenes])
    assert known.find_same(half) == [Match(number, number) for number in range(COUNT)]


def test_other_pictures_are_not_found(known):
    others = np.stack([look_of(scene(COUNT + number)) for number in range(COUNT)])
    assert known.find_same(others) == known.find_near(others) == []


def test_mirrored_and_cropped_pictures_are_near_and_not_the_same(scenes, known):
    cut = round(0.02 * SIDE)
    for change in (ImageOps.mirror, lambda image: ImageOps.crop(image, cut)):
        changed = np.stack([look_of(change(image)) for image in scenes])
        assert known.find_same(changed) == []
        near = known.find_near(changed)
        assert len(near) > 0.9 * COUNT
        assert all(number == other for number, other in near)


def test_copies_among_pictures_have_one_number(scenes):
    looks = [look_of(scene) for scene in scenes[:5]]
    again = [look_of(scenes[number], "JPEG", quality=50) for number in (3, 0)]
    numbers = find_copies(np.stack([*looks, *again, again[0]]))
    assert len(set(numbers)) == 5
    assert numbers[5:] == [numbers[3], numbers[0], numbers[3]]


def test_many_equal_pictures_need_little_memory(scenes):
    looks = np.stack([look_of(scene) for scene in scenes[:5]])
    tracemalloc.start()
    numbers = find_copies(np.concatenate([looks, np.repeat(looks[:1], 2000, axis=0)]))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert numbers[5:] == [numbers[0]] * 2000
    # Two million pairs of spectra are half a gigabyte.
    assert peak < 2e7


def test_many_pictures_that_are_nearly_equal_are_compared_in_parts(scenes, monkeypatch):
    looks = np.stack([look_of(scene) for scene in scenes[:5]]).clip(1, 254)
    again = np.concatenate([looks, looks + 1, looks - 1, looks[:, ::-1]])
    whole = find_copies(again)
    assert whole[5:15] == whole[:5] * 2
    monkeypatch.setattr(thumbnails, "PAIRS", 2)
    assert find_copies(again) == whole


def test_pictures_with_little_contrast_must_be_the_more_alike():
    ramp = np.linspace(0, 1, LOOK_SIDE)[None] * np.ones((LOOK_SIDE, 1))
    plain, strong = (np.uint8(100 + share * ramp)[None] for share in (10, 100))
    assert Thumbnails(strong).find_same(strong + 1) == [Match(0, 0)]
    assert Thumbnails(plain).find_same(plain + 1) == []
    assert Thumbnails(plain).find_same(plain) == [Match(0, 0)]
