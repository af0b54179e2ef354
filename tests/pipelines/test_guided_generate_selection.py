"""Real images that are kept as they are."""

import pytest
import torch

from mgd3_kedro.pipelines.guided_generate.plan import DistillationConfig, Wanted
from mgd3_kedro.pipelines.guided_generate.procedures.selection import (
    Selection,
    SelectionConfig,
    select_from_classes,
)
from mgd3_kedro.stages import Task

IMAGES = torch.arange(40, dtype=torch.uint8)[:, None, None, None].expand(-1, 3, 4, 4)
"""Image n has the value n."""


def select(make_classes, seed, **inputs):
    """Return wnid -> numbers of the images that are kept of two classes with the same images."""
    config = SelectionConfig("random", "latents", False)
    settings = Selection(config, DistillationConfig(5, seed, "equal"), None, None, None)
    tasks = {
        spec.wnid: Task({"images": IMAGES, **inputs}, Wanted(spec, 5))
        for spec in make_classes([5, 0])
    }
    kept = {}
    for wnid, made in select_from_classes(tasks, settings).items():
        kept[wnid] = [row["image_number"] for row in made.rows]
        assert made.value[:, 0, 0, 0].tolist() == kept[wnid]
        assert not any(row["mirrored"] for row in made.rows)
    return kept


def test_images_are_drawn_for_every_class_and_every_seed_anew(make_classes):
    found = [numbers for seed in (0, 1) for numbers in select(make_classes, seed).values()]
    assert len({tuple(numbers) for numbers in found}) == 4
    assert all(len(set(numbers)) == 5 for numbers in found)
    assert select(make_classes, 0) == select(make_classes, 0)


def test_features_that_nothing_looks_at_are_not_chosen():
    with pytest.raises(
        ValueError, match=r"^features: expected latents .* got pixels; set it to latents$"
    ):
        SelectionConfig("random", "pixels", False)
    assert SelectionConfig("herding", "pixels", False).features == "pixels"


def test_images_that_are_chosen_by_number_are_the_same_where_latents_are_given(make_classes):
    # Images were encoded in another order, each mirrored, too.
    numbers = torch.arange(40).flip(0).repeat(2)
    encoded = {
        "latents": numbers.float()[:, None, None, None].expand(-1, 4, 2, 2),
        "image_numbers": numbers,
        "mirrored": torch.arange(80) >= 40,
    }
    assert select(make_classes, 0, latents=encoded) == select(make_classes, 0)
