import numpy as np
import pytest
import torch

from mgd3_kedro.modes import ModesConfig, find_modes
from mgd3_kedro.modes.reduction import pooled_coordinates
from mgd3_kedro.modes.sizes import least_members, repair_sizes


def config_of(finder, ipc, min_members=0, pool=2):
    return ModesConfig(finder, ipc, 0, 3, pool, 5, "equal", min_members)


@pytest.fixture
def with_outlier():
    """Return 200 latents of which one is far from all others."""
    latents = torch.randn(200, 2, 4, 4, generator=torch.Generator().manual_seed(0))
    latents[17] += 40
    return latents


@pytest.mark.parametrize("finder", ["kmeans", "kmeans_pooled", "kmeans_pooled_closest"])
def test_a_planted_outlier_has_no_cluster_to_itself(finder, with_outlier):
    alone = find_modes(with_outlier, config_of(finder, 10), "n1")
    assert alone.member_counts.min() == 1
    found = find_modes(with_outlier, config_of(finder, 10, "auto"), "n1")
    assert found.member_counts.min() >= 5
    assert found.member_counts.sum() == 200
    assert len(found.modes) == 10
    again = find_modes(with_outlier, config_of(finder, 10, "auto"), "n1")
    assert torch.equal(found.modes, again.modes)


def test_clusters_that_are_large_enough_stay_what_they_are(planted):
    latents, _ = planted
    plain = find_modes(latents, config_of("kmeans_pooled", 5, pool=3), "n1")
    least = find_modes(latents, config_of("kmeans_pooled", 5, "auto", pool=3), "n1")
    assert torch.equal(plain.modes, least.modes)


@pytest.mark.parametrize(
    ("asked", "count", "ipc", "least"),
    [
        (0, 900, 10, 0),
        ("auto", 900, 10, 18),
        ("auto", 200, 10, 5),
        ("auto", 60, 10, 3),
        ("auto", 900, 50, 5),
        (30, 900, 10, 30),
        (80, 900, 10, 45),
        ("auto", 10, 10, 0),
    ],
)
def test_the_least_size_is_one_that_there_is_room_for(asked, count, ipc, least):
    assert least_members(config_of("kmeans", ipc, asked), count) == least


def test_empty_clusters_and_duplicates_are_repaired_too():
    points = np.zeros((40, 3))
    labels = repair_sizes(points, np.zeros(40, dtype=int), 5, config_of("kmeans", 4))
    sizes = np.bincount(labels, minlength=4)
    assert sizes.min() >= 5
    assert sizes.sum() == 40


def test_a_medoid_is_the_member_nearest_to_the_mean_of_its_cluster_in_layout(planted):
    latents, _ = planted
    found = find_modes(latents, config_of("kmeans_pooled_closest", 5), "n1")
    coordinates = pooled_coordinates(latents, 2)
    for cluster, mode in enumerate(found.modes):
        members = np.flatnonzero(found.assignment.numpy() == cluster)
        mean = coordinates[members].mean(0)
        nearest = members[np.square(coordinates[members] - mean).sum(1).argmin()]
        assert torch.equal(mode, latents[nearest])


@pytest.mark.parametrize("value", [-1, 2.5, True, "most"])
def test_a_least_size_that_is_none_is_named(value):
    with pytest.raises(ValueError, match=f"^min_members: expected .* got {value!r}"):
        config_of("kmeans", 10, value)
