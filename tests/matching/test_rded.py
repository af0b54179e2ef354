from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image

from mgd3_kedro.evaluation.augment import MEAN
from mgd3_kedro.images import LazyImages
from mgd3_kedro.matching.rded import RdedConfig, cut_crops, draw_square_crops

CONFIG = RdedConfig(candidates=300, crops_per_image=5, factor=2, crop_min_scale=0.08, batch_size=7)


def prefer_bright(images):
    return 1 - images.mean((1, 2, 3))


def greys(count, size=8):
    """Images of one grey each: 5, 10, 15 ..."""
    values = 5 * torch.arange(1, count + 1, dtype=torch.uint8)
    return values.view(-1, 1, 1, 1).repeat(1, 3, size, size)


def noise(count, size, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(256, (count, 3, size, size), generator=generator, dtype=torch.uint8)


def decode_rows(images, rows):
    return images[rows]


def test_the_best_images_are_tiled_by_their_rank(seeded):
    made = cut_crops(greys(20), 3, prefer_bright, CONFIG, seeded())
    assert made.images.shape == (3, 3, 8, 8)
    assert made.images.dtype == torch.uint8
    for image in range(3):
        for place, (row, column) in enumerate([(0, 0), (0, 4), (4, 0), (4, 4)]):
            rank = place * 3 + image
            patch = made.images[image, :, row : row + 4, column : column + 4]
            assert (patch == 5 * (20 - rank)).all()
            assert made.sources[image, place] == 19 - rank


def test_of_each_image_the_crop_of_lowest_loss_is_kept(seeded):
    seen = []

    def score(images):
        seen.append(-images.std((1, 2, 3)))
        return seen[-1]

    made = cut_crops(noise(20, 8), 2, score, CONFIG, seeded())
    by_image = torch.cat(seen).view(20, 5).numpy()
    lowest = np.sort(by_image.min(1))[:8]
    assert np.array_equal(made.scores.T.flatten().numpy(), lowest)
    assert len(set(made.sources.flatten().tolist())) == 8


def test_patches_are_what_pillow_cuts_from_their_sources(seeded):
    images = noise(12, 16, seed=3)
    made = cut_crops(images, 2, prefer_bright, CONFIG, seeded(1))
    for image, sources, crops in zip(made.images, made.sources, made.crops, strict=True):
        for place, (source, (top, left, height, width)) in enumerate(
            zip(sources.tolist(), crops.tolist(), strict=True)
        ):
            whole = Image.fromarray(images[source].permute(1, 2, 0).numpy())
            box = (left, top, left + width, top + height)
            cut = np.asarray(whole.crop(box).resize((8, 8), Image.Resampling.BILINEAR))
            row, column = 8 * (place // 2), 8 * (place % 2)
            patch = image[:, row : row + 8, column : column + 8].permute(1, 2, 0).numpy()
            assert np.abs(patch.astype(int) - cut.astype(int)).max() <= 1


def test_a_crop_is_scored_in_the_middle_of_the_mean_colour(seeded):
    seen = []

    def score(images):
        seen.append(images)
        return prefer_bright(images)

    cut_crops(greys(4), 1, score, CONFIG, seeded())
    images = torch.cat(seen)
    assert images.shape == (20, 3, 8, 8)
    inside = torch.zeros(8, 8, dtype=torch.bool)
    inside[2:6, 2:6] = True
    assert torch.allclose(images[:, :, ~inside], torch.tensor(MEAN)[:, None])
    assert images[:, :, inside].std((1, 2)).max() < 1e-5


def test_one_patch_an_image_is_not_padded(seeded):
    config = replace(CONFIG, factor=1, crop_min_scale=1.0)
    images = noise(6, 8)
    made = cut_crops(images, 6, prefer_bright, config, seeded())
    assert torch.equal(made.images, images[made.sources[:, 0]])
    assert sorted(made.sources.flatten().tolist()) == [0, 1, 2, 3, 4, 5]


def test_the_generator_decides_and_batches_do_not(seeded):
    images = noise(30, 8)
    made = cut_crops(images, 2, prefer_bright, CONFIG, seeded())
    for config in (CONFIG, replace(CONFIG, batch_size=30), replace(CONFIG, batch_size=1)):
        again = cut_crops(images, 2, prefer_bright, config, seeded())
        assert all(map(torch.equal, made, again))
    assert not torch.equal(
        cut_crops(images, 2, prefer_bright, CONFIG, seeded(1)).images, made.images
    )


def test_images_may_be_decoded_when_they_are_needed(seeded):
    images = noise(10, 8)
    lazy = LazyImages(partial(decode_rows, images), 10, 8)
    made = cut_crops(images, 2, prefer_bright, CONFIG, seeded())
    assert all(map(torch.equal, made, cut_crops(lazy, 2, prefer_bright, CONFIG, seeded())))


def test_only_candidates_are_looked_at(seeded):
    looked_at = []

    def score(images):
        looked_at.append(len(images))
        return prefer_bright(images)

    made = cut_crops(greys(40), 2, score, replace(CONFIG, candidates=9), seeded())
    assert sum(looked_at) == 9 * 5
    # Nine of forty at random are not the eight brightest of all.
    assert set(made.sources.flatten().tolist()) != set(range(32, 40))


def test_crops_are_squares_inside_the_image_of_evenly_spread_area(seeded):
    top, left, height, width = draw_square_crops((4000,), 100, 0.08, seeded()).unbind(-1)
    assert torch.equal(height, width)
    assert min(top.min(), left.min()) == 0
    assert (top + height).max() == (left + width).max() == 100
    shares = (height / 100).square()
    quantiles = np.quantile(shares.numpy(), [0, 0.25, 0.5, 0.75, 1])
    assert np.allclose(quantiles, np.linspace(0.08, 1, 5), atol=0.03)
    # A corner is anywhere it fits: on average half the room that is left.
    room = (100 - height)[height < 80]
    assert abs((left[height < 80] / room).mean() - 0.5) < 0.02


def test_a_score_that_is_no_number_a_crop_is_refused(seeded):
    with pytest.raises(ValueError, match=r"score: expected .* 35 crops, got shape \(\)"):
        cut_crops(greys(20), 1, lambda images: images.mean(), CONFIG, seeded())
    with pytest.raises(ValueError, match=r"score: .* 35 of 35 .*the first is crop 0; check"):
        cut_crops(greys(20), 1, lambda images: images.mean((1, 2, 3)) / 0, CONFIG, seeded())


@pytest.mark.parametrize(
    ("config", "images", "ipc", "complaint"),
    [
        (CONFIG, greys(7), 2, "ipc: expected at least 8 images of the class to make 2 from, got 7"),
        (replace(CONFIG, candidates=7), greys(20), 2, "candidates: expected at least 8 .*got 7"),
        (CONFIG, greys(20, size=9), 2, "factor: expected .*8 or 10 px, got 9 px"),
        (CONFIG, greys(20).float(), 2, "images: expected uint8"),
        (CONFIG, greys(20), 0, "ipc: expected"),
    ],
)
def test_what_cannot_be_tiled_is_refused(config, images, ipc, complaint, seeded):
    with pytest.raises(ValueError, match=complaint):
        cut_crops(images, ipc, prefer_bright, config, seeded())


@pytest.mark.parametrize(
    "wrong",
    [
        {"candidates": 0},
        {"crops_per_image": 0},
        {"factor": 1.5},
        {"crop_min_scale": 0},
        {"crop_min_scale": 1.1},
        {"batch_size": 0},
    ],
)
def test_settings_that_do_not_fit_are_refused_by_name(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))}: expected"):
        replace(CONFIG, **wrong)
