import numpy as np
import pytest
import torch
from sklearn.exceptions import ConvergenceWarning

from mgd3_kedro.coresets import CORESETS, pick_nearest_to_centroids, pick_random


@pytest.fixture
def latents():
    return torch.randn(24, 2, 3, 3, generator=torch.Generator().manual_seed(0))


def test_the_table_holds_the_selective_methods():
    assert set(CORESETS) == {"kmeans_closest", "random"}


@pytest.mark.parametrize("name", CORESETS)
@pytest.mark.parametrize("ipc", [1, 7, 24])
def test_a_coreset_is_distinct_indices_that_the_seed_fixes(name, ipc, latents):
    before = latents.clone()
    indices = CORESETS[name](latents, ipc, 5)
    assert indices.dtype == torch.int64
    assert indices.shape == (ipc,)
    assert len(set(indices.tolist())) == ipc
    assert set(indices.tolist()) <= set(range(24))
    assert torch.equal(indices, CORESETS[name](latents, ipc, 5))
    assert torch.equal(latents, before)


@pytest.mark.parametrize("name", CORESETS)
@pytest.mark.parametrize("ipc", [25, 0, -1])
def test_a_coreset_refuses_more_images_than_there_are_and_less_than_one(name, ipc, latents):
    with pytest.raises(ValueError, match=f"ipc: expected between 1 and the 24 images.*got {ipc}"):
        CORESETS[name](latents, ipc, 0)


@pytest.mark.parametrize("name", CORESETS)
def test_a_coreset_refuses_flat_and_broken_latents(name, latents):
    with pytest.raises(ValueError, match=r"expected shape \(N, C, H, W\)"):
        CORESETS[name](latents.flatten(1), 2, 0)
    latents[3, 0, 0, 0] = torch.nan
    with pytest.raises(ValueError, match="1 of 24 samples"):
        CORESETS[name](latents, 2, 0)


def test_a_smaller_random_choice_begins_a_larger_one(latents):
    assert torch.equal(pick_random(latents, 5, 1), pick_random(latents, 20, 1)[:5])


def test_random_choices_differ_between_seeds_and_reach_every_image_alike(latents):
    choices = torch.stack([pick_random(latents, 6, seed) for seed in range(400)])
    counts = torch.bincount(choices.flatten(), minlength=24)
    # 100 expected, standard deviation 8.7.
    assert counts.min() > 65
    assert counts.max() < 135


def test_planted_clusters_give_their_middles():
    generator = np.random.default_rng(0)
    arms = generator.normal(size=(6, 8))
    centres = 50 * np.eye(4, 8)
    # Of each cluster the first image is the exact mean of all.
    clusters = [np.stack([c, *(c + arms), *(c - arms)]) for c in centres]
    latents = torch.from_numpy(np.concatenate(clusters)).float().reshape(52, 2, 2, 2)
    for random_state in range(3):
        picked = pick_nearest_to_centroids(latents, 4, random_state)
        assert sorted(picked.tolist()) == [0, 13, 26, 39]


def test_one_cluster_gives_the_image_nearest_the_class_mean(latents):
    flat = latents.flatten(1).double()
    expected = (flat - flat.mean(0)).norm(dim=1).argmin().item()
    assert pick_nearest_to_centroids(latents, 1, 0).tolist() == [expected]


def test_an_image_nearest_to_two_centroids_goes_to_the_closer_one():
    # A wide shell around the origin; nearest to it is the middle of a dense far cluster.
    generator = np.random.default_rng(0)
    shell, arms = generator.normal(size=(60, 6)), generator.normal(size=(200, 6))
    shell *= 10 / np.linalg.norm(shell, axis=1, keepdims=True)
    arms *= 0.5 / np.linalg.norm(arms, axis=1, keepdims=True)
    points = np.zeros((521, 13))
    points[:120, :6] = np.concatenate([shell, -shell])
    points[120:, 6] = 7
    points[121:, 7:] = np.concatenate([arms, -arms])
    latents = torch.from_numpy(points).reshape(-1, 1, 1, 13)
    first, second = sorted(pick_nearest_to_centroids(latents, 2, 0).tolist())
    assert first == 120
    assert second > 120


def test_identical_images_are_still_picked_once_each():
    with pytest.warns(ConvergenceWarning, match="distinct clusters"):
        picked = pick_nearest_to_centroids(torch.ones(5, 1, 2, 2), 3, 0)
    assert len(set(picked.tolist())) == 3
