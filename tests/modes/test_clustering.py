import itertools

import numpy as np
import pytest
import torch
from sklearn.exceptions import ConvergenceWarning

from mgd3_kedro.modes import MODE_FINDERS, ModesConfig, find_modes

REAL = ["kmeans_closest", "random"]
"""Mode finders whose modes are latents of the class."""


def find(name, latents, ipc, random_state=0):
    return find_modes(latents, ModesConfig(name, ipc, random_state))


def squared_distances(latents, modes):
    """Return (N, K) in float64, one pair at a time."""
    points, centres = latents.double().flatten(1), modes.double().flatten(1)
    return torch.stack([(points - centre).square().sum(1) for centre in centres], dim=1)


@pytest.fixture
def latents():
    return torch.randn(40, 2, 3, 3)


@pytest.fixture
def planted():
    """Return latents in five tight clusters far apart, of different sizes, and their owners."""
    centres = 6 * torch.randn(5, 2, 3, 3)
    owners = torch.arange(5).repeat_interleave(torch.tensor([30, 20, 15, 10, 8]))
    owners = owners[torch.randperm(len(owners))]
    return centres[owners] + 0.1 * torch.randn(len(owners), 2, 3, 3), owners


@pytest.mark.parametrize("name", MODE_FINDERS)
@pytest.mark.parametrize("ipc", [1, 2, 7, 39, 40])
def test_every_image_to_be_made_gets_a_mode_with_members(name, ipc, latents):
    before = latents.clone()
    found = find(name, latents, ipc)
    assert found.modes.shape == (ipc, 2, 3, 3)
    assert found.modes.dtype == torch.float32
    assert found.assignment.shape == (40,)
    assert found.assignment.dtype == found.nearest_real.dtype == torch.int64
    assert found.assignment.min() >= -1
    assert found.assignment.max() < ipc
    assert found.nearest_real.min() >= 0
    assert found.nearest_real.max() < 40
    assert (found.member_counts >= 1).all()
    assert torch.equal(latents, before)


@pytest.mark.parametrize("name", MODE_FINDERS)
@pytest.mark.parametrize("ipc", [1, 6, 40])
def test_nearest_latents_and_inertia_are_those_of_all_pairs(name, ipc, latents):
    found = find(name, latents, ipc)
    distances = squared_distances(latents, found.modes)
    nearest = distances.gather(0, found.nearest_real[None])[0]
    assert torch.allclose(nearest, distances.min(0).values, atol=1e-5)
    members = found.assignment >= 0
    own = distances[members].gather(1, found.assignment[members, None])
    assert found.inertia == pytest.approx(own.sum().item(), rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("name", MODE_FINDERS)
def test_the_same_random_state_gives_the_same_modes_whatever_the_global_generators(name, latents):
    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002
    first = find(name, latents, 7, random_state=3)
    torch.manual_seed(2)
    np.random.seed(2)  # noqa: NPY002
    again = find(name, latents, 7, random_state=3)
    assert torch.equal(first.modes, again.modes)
    assert torch.equal(first.assignment, again.assignment)
    assert torch.equal(first.nearest_real, again.nearest_real)
    assert first.inertia == again.inertia


@pytest.mark.parametrize("name", ["kmeans", "kmeans_closest", "random"])
def test_another_random_state_may_give_other_modes(name, latents):
    draws = [find(name, latents, 7, random_state=state).modes for state in range(5)]
    assert any(not torch.equal(draws[0], other) for other in draws[1:])


@pytest.mark.parametrize("name", MODE_FINDERS)
@pytest.mark.parametrize("ipc", [41, 1000])
def test_more_modes_than_latents_are_refused_with_both_numbers(name, ipc, latents):
    with pytest.raises(ValueError, match=rf"ipc: expected 1\.\.40, .* got {ipc}"):
        find(name, latents, ipc)


@pytest.mark.parametrize("name", MODE_FINDERS)
def test_one_latent_is_its_own_mode(name, latents):
    found = find(name, latents[:1], 1)
    assert torch.allclose(found.modes, latents[:1])
    assert found.assignment.tolist() == [0]
    assert found.nearest_real.tolist() == [0]
    assert found.inertia == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("name", MODE_FINDERS)
def test_as_many_modes_as_latents_are_the_latents(name, latents):
    found = find(name, latents, 40)
    assert sorted(found.assignment.tolist()) == list(range(40))
    assert torch.allclose(found.modes[found.assignment], latents, atol=1e-6)
    assert found.nearest_real[found.assignment].tolist() == list(range(40))


@pytest.mark.parametrize("name", ["kmeans", "dbscan"])
def test_one_mode_of_a_connected_class_is_its_mean(name):
    line = torch.arange(20.0)[:, None, None, None].expand(20, 2, 3, 3)
    found = find(name, line, 1)
    assert torch.allclose(found.modes, torch.full((1, 2, 3, 3), 9.5))
    assert found.nearest_real.item() in (9, 10)


@pytest.mark.parametrize("name", MODE_FINDERS)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_duplicates_are_no_obstacle(name):
    latents = torch.stack([torch.zeros(1, 2, 2), torch.ones(1, 2, 2)]).repeat(6, 1, 1, 1)
    for ipc in (1, 2, 3, 12):
        found = find(name, latents, ipc)
        assert found.modes.shape == (ipc, 1, 2, 2)
        assert found.modes.isfinite().all()
        if ipc == 2 and name != "random":
            assert sorted(found.modes[:, 0, 0, 0].tolist()) == [0, 1]
            assert found.inertia == pytest.approx(0, abs=1e-9)


def test_identical_latents_are_announced_by_kmeans_and_shared_out_by_dbscan():
    latents = torch.ones(12, 1, 2, 2)
    with pytest.warns(ConvergenceWarning, match="distinct clusters"):
        assert find("kmeans", latents, 4).member_counts.tolist() == [12, 0, 0, 0]
    with pytest.warns(ConvergenceWarning, match="distinct clusters"):
        assert (find("dbscan", latents, 4).member_counts >= 1).all()


@pytest.mark.parametrize("name", ["kmeans", "dbscan"])
def test_planted_clusters_are_found(name, planted):
    latents, owners = planted
    found = find(name, latents, 5)
    for mode, modes_mean in enumerate(found.modes):
        of_mode = owners[found.assignment == mode]
        assert len(set(of_mode.tolist())) == 1
        expected = latents[found.assignment == mode].mean(0)
        assert torch.allclose(modes_mean, expected, atol=1e-5)
    covered = {owners[found.assignment == mode][0].item() for mode in range(5)}
    assert covered == set(range(5))


def test_kmeans_assigns_every_latent_to_its_nearest_mode(latents):
    found = find("kmeans", latents, 6)
    assert torch.equal(found.assignment, squared_distances(latents, found.modes).argmin(1))


def test_kmeans_finds_the_best_partition_of_a_small_class():
    latents = torch.randn(9, 1, 1, 2)
    flat = latents.flatten(1).double()

    def inertia(labels):
        groups = [flat[torch.tensor(labels) == label] for label in range(2)]
        return sum((group - group.mean(0)).square().sum().item() for group in groups)

    splits = (labels for labels in itertools.product((0, 1), repeat=9) if 0 < sum(labels) < 9)
    best = min(inertia(labels) for labels in splits)
    assert find("kmeans", latents, 2).inertia == pytest.approx(best, rel=1e-6)


def test_the_centroids_of_kmeans_are_kept_with_the_clusters_of_its_closest_latents(latents):
    centroids, closest = find("kmeans", latents, 6), find("kmeans_closest", latents, 6)
    assert torch.equal(centroids.assignment, closest.assignment)
    nearest = squared_distances(latents, centroids.modes).argmin(0)
    assert torch.equal(closest.modes, latents[nearest])
    assert closest.inertia > centroids.inertia


@pytest.mark.parametrize("name", REAL)
@pytest.mark.parametrize("ipc", [1, 6, 40])
def test_real_modes_are_latents_of_the_class(name, ipc, latents):
    found = find(name, latents, ipc)
    assert torch.equal(found.modes, latents[found.nearest_real])


def test_random_modes_are_distinct_and_own_the_latents_nearest_to_them(latents):
    found = find("random", latents, 6)
    assert len(set(found.nearest_real.tolist())) == 6
    assert torch.equal(found.assignment, squared_distances(latents, found.modes).argmin(1))


def test_random_modes_reach_every_latent_alike(latents):
    taken = torch.cat([find("random", latents, 4, state).nearest_real for state in range(250)])
    counts = torch.bincount(taken, minlength=40)
    # 25 expected, with a standard deviation of 4.7.
    assert counts.min() >= 8
    assert counts.max() <= 45


def test_dbscan_leaves_outliers_without_a_mode_and_out_of_its_means(planted):
    latents, _ = planted
    outliers = 50 + 40 * torch.rand(3, 2, 3, 3) * torch.tensor([1.0, -3.0, 5.0]).view(3, 1, 1, 1)
    found = find("dbscan", torch.cat([latents, outliers]), 5)
    assert found.assignment[-3:].tolist() == [-1, -1, -1]
    assert found.modes.abs().max() < 30
    assert (found.member_counts >= 1).all()


def test_dbscan_keeps_the_largest_clusters_when_there_are_more_than_images(planted):
    latents, owners = planted
    found = find("dbscan", latents, 3)
    kept = {owners[found.assignment == mode][0].item() for mode in range(3)}
    assert kept == {0, 1, 2}
    assert found.member_counts.tolist() == [30, 20, 15]
    assert ((owners >= 3) == (found.assignment < 0)).all()


def test_dbscan_splits_the_largest_cluster_when_there_are_too_few(planted):
    latents, owners = planted
    found = find("dbscan", latents, 7)
    assert (found.member_counts >= 1).all()
    assert (found.assignment >= 0).all()
    for mode in range(7):
        assert len(set(owners[found.assignment == mode].tolist())) == 1
    # The two largest clusters, of 30 and 20, are halved; the others stay whole.
    parts = [len(set(found.assignment[owners == owner].tolist())) for owner in range(5)]
    assert parts in ([2, 2, 1, 1, 1], [3, 1, 1, 1, 1])


@pytest.mark.parametrize(
    ("field", "value"),
    [("mode_finder", "kmean"), ("ipc", 0), ("ipc", "10"), ("random_state", -1)],
)
def test_a_setting_that_does_not_fit_is_named(field, value):
    settings = {"mode_finder": "kmeans", "ipc": 10, "random_state": 0} | {field: value}
    with pytest.raises(ValueError, match="mode finder" if field == "mode_finder" else field):
        ModesConfig(**settings)
