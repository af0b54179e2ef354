import math
from dataclasses import replace

import pytest
import torch

from mgd3_kedro.records import LatentSet, ModeSet


def make_latents(latents):
    count = len(latents) if latents.ndim else 0
    return LatentSet(latents, torch.arange(count), torch.zeros(count, dtype=torch.bool))


@pytest.mark.parametrize("name", ["image_numbers", "mirrored"])
def test_every_latent_stands_for_an_image(name):
    fits = make_latents(torch.zeros(3, 1, 2, 2))
    with pytest.raises(ValueError, match=rf"{name}: expected \(3,\), got \(2,\)"):
        replace(fits, **{name: getattr(fits, name)[:2]})


@pytest.mark.parametrize("shape", [(), (4,), (2, 4, 8), (0, 4, 8, 8), (1, 2, 4, 8, 8)])
def test_latents_of_another_shape_are_refused_at_birth(shape):
    with pytest.raises(ValueError, match=r"latents: expected shape \(N, C, H, W\) with N > 0"):
        make_latents(torch.zeros(shape))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_latents_that_are_not_finite_are_counted_and_refused(value):
    latents = torch.zeros(5, 1, 2, 2)
    make_latents(latents)
    latents[1, 0, 0, 0] = value
    latents[3] = value
    with pytest.raises(ValueError, match="latents: expected finite values, got 2 of 5 samples"):
        make_latents(latents)


def test_modes_count_their_members_and_leave_out_what_belongs_to_none():
    assignment = torch.tensor([2, 0, -1, 2, 2, -1])
    modes = ModeSet(torch.zeros(4, 1, 2, 2), assignment, torch.zeros(4).long(), 0.0)
    assert modes.member_counts.tolist() == [1, 0, 3, 0]


@pytest.mark.parametrize(
    ("modes", "assignment", "nearest_real", "message"),
    [
        ((3, 4), (5,), (3,), r"modes: expected shape \(N, C, H, W\)"),
        ((0, 1, 2, 2), (5,), (0,), r"modes: expected shape \(N, C, H, W\) with N > 0"),
        ((3, 1, 2, 2), (5, 1), (3,), r"assignment: expected shape \(N,\), got \(5, 1\)"),
        ((3, 1, 2, 2), (5,), (2,), r"nearest_real: expected shape \(3,\), got \(2,\)"),
        ((3, 1, 2, 2), (5,), (3, 1), r"nearest_real: expected shape \(3,\), got \(3, 1\)"),
    ],
)
def test_modes_whose_shapes_disagree_are_refused_at_birth(modes, assignment, nearest_real, message):
    with pytest.raises(ValueError, match=message):
        ModeSet(
            torch.zeros(modes), torch.zeros(assignment).long(), torch.zeros(nearest_real).long(), 0
        )


def test_modes_that_are_not_finite_are_refused_at_birth():
    modes = torch.full((2, 1, 2, 2), math.nan)
    with pytest.raises(ValueError, match="modes: expected finite values, got 2 of 2"):
        ModeSet(modes, torch.zeros(5).long(), torch.zeros(2).long(), 0.0)
