import numpy as np
import pytest
import torch

from mgd3_kedro.coresets import (
    CORESETS,
    IN_ORDER,
    pick_by_herding,
    pick_k_centers,
    pick_nearest_to_centroids,
    pick_random,
)
from mgd3_kedro.modes import ModesConfig, find_modes

COMPARING = [name for name, coreset in CORESETS.items() if "features" in coreset.takes]


@pytest.fixture
def latents():
    return torch.randn(24, 2, 3, 3, generator=torch.Generator().manual_seed(0))


def pick(name, features, ipc, seed):
    """Pick by a coreset; where it asks for modes, the same for all images."""
    given = {
        "count": len(features),
        "features": features,
        "centres": torch.zeros(ipc, *features.shape[1:]),
        "ipc": ipc,
        "random_state": seed,
    }
    coreset = CORESETS[name]
    return coreset.pick(**{argument: given[argument] for argument in coreset.takes})


def pick_by_kmeans(latents, ipc, seed):
    """Pick what is nearest to the centroids of k-means."""
    modes = find_modes(
        latents, ModesConfig("kmeans", ipc, seed, 10, 8, 50, "equal"), "n01440764"
    ).modes
    return pick_nearest_to_centroids(latents, modes)


def test_the_table_holds_the_selective_methods():
    assert set(CORESETS) == {"herding", "k_center", "kmeans_closest", "random"}


@pytest.mark.parametrize("name", CORESETS)
@pytest.mark.parametrize("ipc", [1, 7, 24])
def test_a_coreset_is_distinct_indices_that_the_seed_fixes(name, ipc, latents):
    before = latents.clone()
    indices = pick(name, latents, ipc, 5)
    assert indices.dtype == torch.int64
    assert indices.shape == (ipc,)
    assert len(set(indices.tolist())) == ipc
    assert set(indices.tolist()) <= set(range(24))
    assert torch.equal(indices, pick(name, latents, ipc, 5))
    assert torch.equal(latents, before)


@pytest.mark.parametrize("name", CORESETS)
@pytest.mark.parametrize("ipc", [25, 0])
def test_a_coreset_refuses_more_images_than_there_are_and_less_than_one(name, ipc, latents):
    with pytest.raises(ValueError, match=f"ipc: expected between 1 and the 24 images.*got {ipc}"):
        pick(name, latents, ipc, 0)


@pytest.mark.parametrize("name", COMPARING)
def test_a_coreset_refuses_what_is_not_one_finite_point_an_image(name, latents):
    for shape in [(24,), (0, 4), (24, 0)]:
        with pytest.raises(ValueError, match=r"expected shape \(N, ...\)"):
            pick(name, torch.zeros(shape), 1, 0)
    latents[3, 0, 0, 0] = torch.nan
    with pytest.raises(ValueError, match="1 of 24 samples"):
        pick(name, latents, 2, 0)


@pytest.mark.parametrize("name", COMPARING)
def test_features_may_have_any_shape(name, latents):
    flat = pick(name, latents.flatten(1), 6, 3)
    assert torch.equal(pick(name, latents, 6, 3), flat)


@pytest.mark.parametrize("name", sorted(IN_ORDER))
def test_a_smaller_choice_begins_a_larger_one(name, latents):
    larger = pick(name, latents, 20, 1)
    for ipc in range(1, 20):
        assert torch.equal(pick(name, latents, ipc, 1), larger[:ipc])


def test_random_choices_differ_between_seeds_and_reach_every_image_alike():
    choices = torch.stack([pick_random(24, 6, seed) for seed in range(400)])
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
        picked = pick_by_kmeans(latents, 4, random_state)
        assert sorted(picked.tolist()) == [0, 13, 26, 39]


def test_one_cluster_gives_the_image_nearest_the_class_mean(latents):
    flat = latents.flatten(1).double()
    expected = (flat - flat.mean(0)).norm(dim=1).argmin().item()
    assert pick_by_kmeans(latents, 1, 0).tolist() == [expected]


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
    first, second = sorted(pick_by_kmeans(latents, 2, 0).tolist())
    assert first == 120
    assert second > 120


def test_identical_images_are_still_picked_once_each():
    picked = pick_nearest_to_centroids(torch.ones(5, 4), torch.ones(3, 4))
    assert len(set(picked.tolist())) == 3


def test_images_are_in_the_order_of_the_centres_they_stand_for(latents):
    picked = pick_nearest_to_centroids(latents, latents[[9, 3, 20]] + 0.01)
    assert picked.tolist() == [9, 3, 20]


def test_herding_brings_the_running_mean_nearest_the_class_mean(latents):
    points = latents.flatten(1).numpy().astype(np.longdouble)
    picked = []
    for _ in range(24):
        left = [image for image in range(24) if image not in picked]
        means = [np.mean([points[i] for i in (*picked, image)], axis=0) for image in left]
        misses = [np.linalg.norm(mean - points.mean(0)) for mean in means]
        picked.append(left[int(np.argmin(misses))])
    assert pick_by_herding(latents, 24).tolist() == picked


def test_herding_finds_a_planted_mean_and_then_balances_its_picks():
    offsets = torch.tensor([[5.0, 0], [-5, 0], [0, 3], [0, -3], [0, 0]])
    picked = pick_by_herding(1000 + offsets, 5).tolist()
    assert picked[0] == 4
    assert picked[1:3] in ([2, 3], [3, 2])
    assert set(picked[3:]) == {0, 1}


def test_k_center_starts_at_the_middle_and_goes_to_the_far_points():
    near = 0.1 * torch.randn(30, 3, generator=torch.Generator().manual_seed(1))
    far = torch.tensor([[10.0, 0, 0], [0, 8, 0], [0, 0, -6]])
    points = torch.cat((near, far))
    picked = pick_k_centers(points, 4).tolist()
    assert picked[0] == (points - points.mean(0)).norm(dim=1).argmin()
    assert picked[0] < 30
    assert picked[1:] == [30, 31, 32]


def test_each_further_centre_is_the_image_farthest_from_its_nearest_centre(latents):
    distances = torch.cdist(latents.flatten(1).double(), latents.flatten(1).double())
    picked = pick_k_centers(latents, 24)
    for rank in range(1, 24):
        to_nearest = distances[:, picked[:rank]].amin(1)
        assert to_nearest[picked[rank]] == to_nearest.max()


@pytest.mark.parametrize("name", ["herding", "k_center"])
def test_greedy_choices_take_identical_images_once_each(name):
    assert sorted(pick(name, torch.ones(5, 4), 5, 0).tolist()) == [0, 1, 2, 3, 4]
