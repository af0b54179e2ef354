import pytest
import torch

from mgd3_kedro.modes import MODE_FINDERS

REAL = ["kmeans_closest", "random"]


def test_the_centroids_of_kmeans_are_kept_with_the_clusters_of_its_closest_latents(
    latents, find, squared_distances
):
    centroids, closest = find("kmeans", latents, 6), find("kmeans_closest", latents, 6)
    assert torch.equal(centroids.assignment, closest.assignment)
    nearest = squared_distances(latents, centroids.modes).argmin(0)
    assert torch.equal(closest.modes, latents[nearest])
    assert closest.inertia > centroids.inertia


@pytest.mark.parametrize("name", REAL)
@pytest.mark.parametrize("ipc", [1, 6, 40])
def test_real_modes_are_latents_of_the_class(name, ipc, latents, find):
    found = find(name, latents, ipc)
    assert torch.equal(found.modes, latents[found.nearest_real])


def test_random_modes_are_distinct_and_own_the_latents_nearest_to_them(
    latents, find, squared_distances
):
    found = find("random", latents, 6)
    assert len(set(found.nearest_real.tolist())) == 6
    assert torch.equal(found.assignment, squared_distances(latents, found.modes).argmin(1))


def test_random_modes_reach_every_latent_alike(latents, find):
    taken = torch.cat([find("random", latents, 4, state).nearest_real for state in range(250)])
    counts = torch.bincount(taken, minlength=40)
    # 25 expected, with a standard deviation of 4.7.
    assert counts.min() >= 8
    assert counts.max() <= 45


def test_random_modes_are_those_drawn_although_some_repeat(find):
    latents = torch.cat([torch.zeros(6), torch.arange(1.0, 7)]).view(12, 1, 1, 1)
    zeros = []
    for state in range(8):
        found = find("random", latents, 6, state)
        zeros.append((found.modes == 0).sum().item())
        assert found.degenerate_clusters == max(zeros[-1] - 1, 0)
        assert torch.equal(found.modes, latents[found.nearest_real])
    # 3 of the 6 are expected to be of the duplicates.
    assert 2 <= sum(zeros) / 8 <= 4


@pytest.mark.parametrize("name", sorted(MODE_FINDERS))
def test_equal_classes_have_equal_modes_unless_these_are_drawn(name, latents, find):
    one, other = (find(name, latents, 6, wnid=wnid) for wnid in ("n01440764", "n02102040"))
    assert torch.equal(one.modes, other.modes) == (name != "random")
