import itertools

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans

from mgd3_kedro.modes.lloyd import halve


def flat(latents):
    return latents.flatten(1).double().numpy()


def test_kmeans_assigns_every_latent_to_its_nearest_mode(latents, find, squared_distances):
    found = find("kmeans", latents, 6)
    assert torch.equal(found.assignment, squared_distances(latents, found.modes).argmin(1))


def test_kmeans_finds_the_best_partition_of_a_small_class(find):
    latents = torch.randn(9, 1, 1, 2)
    owners = torch.tensor(list(itertools.product(range(3), repeat=9)))
    members = torch.nn.functional.one_hot(owners, 3).double()
    sums = torch.einsum("pnk,nd->pkd", members, latents.flatten(1).double())
    # The inertia of a partition is all of the squares less those of its means.
    explained = (sums.square().sum(2) / members.sum(1).clamp(min=1)).sum(1)
    best = latents.double().square().sum() - explained.max()
    assert find("kmeans", latents, 3, n_init=10).inertia == pytest.approx(best.item(), rel=1e-6)


def test_with_as_many_latents_as_dimensions_kmeans_is_that_of_scikit_learn_to_the_bit(find):
    latents = torch.randn(18, 2, 3, 3)
    plain = KMeans(5, n_init=4, random_state=3).fit(flat(latents))
    found = find("kmeans", latents, 5, 3, n_init=4)
    assert found.assignment.tolist() == plain.labels_.tolist()
    assert np.array_equal(found.modes.flatten(1), plain.cluster_centers_.astype(np.float32))


@pytest.mark.parametrize("random_state", [0, 1, 2])
def test_with_fewer_latents_than_dimensions_a_rotation_changes_no_cluster(random_state, wide, find):
    plain = KMeans(6, n_init=3, random_state=random_state).fit(flat(wide))
    found = find("kmeans", wide, 6, random_state, n_init=3)
    assert found.assignment.tolist() == plain.labels_.tolist()
    assert np.allclose(found.modes.flatten(1), plain.cluster_centers_, atol=1e-6)
    assert found.inertia == pytest.approx(plain.inertia_, rel=1e-12)


@pytest.mark.parametrize("name", ["kmeans", "kmeans_pca", "kmeans_pooled"])
def test_more_starts_are_never_worse_and_somewhere_better(name, latents, find):
    settings = {"pool": 3, "components": 18}
    once = [find(name, latents, 8, state, n_init=1, **settings).inertia for state in range(4)]
    often = [find(name, latents, 8, state, n_init=20, **settings).inertia for state in range(4)]
    assert max(often) < max(once)
    assert sum(often) < sum(once)


@pytest.mark.parametrize(
    ("name", "setting"), [("kmeans_pooled", {"pool": 6}), ("kmeans_pca", {"components": 72})]
)
def test_reductions_that_reduce_nothing_leave_plain_kmeans(name, setting, wide, find):
    assert torch.equal(
        find(name, wide, 6, **setting).assignment, find("kmeans", wide, 6).assignment
    )


def test_pooled_kmeans_sees_layout_and_not_texture(find):
    owners = torch.arange(24) % 2
    layout = torch.zeros(24, 1, 4, 4)
    layout[owners == 1, :, :2] = 1
    texture = torch.tensor([1.0, -1]).repeat(4, 2) * torch.randn(24, 1, 1, 1).sign() * 5
    latents = layout + texture + 0.1 * torch.randn(24, 1, 4, 4)

    def is_layout(assignment):
        return torch.equal(assignment == assignment[0], owners == owners[0])

    found = find("kmeans_pooled", latents, 2, pool=2)
    assert is_layout(found.assignment)
    assert not is_layout(find("kmeans", latents, 2).assignment)
    means = [latents[found.assignment == mode].mean(0) for mode in range(2)]
    assert torch.allclose(found.modes, torch.stack(means), atol=1e-6)


def test_kmeans_on_principal_components_does_not_see_the_others(find):
    strong, weak = torch.randn(40, 1, 1, 1), torch.randn(40, 1, 1, 1)
    strong = strong.sign() * 5
    latents = torch.cat([strong + 0.1 * torch.randn(40, 1, 1, 1), weak], dim=3)
    halves = find("kmeans_pca", latents, 2, components=1)
    assert torch.equal(
        halves.assignment == halves.assignment[0], strong.flatten() == strong.flatten()[0]
    )
    # Along the one component, parts are intervals, which in the plane they need not be.
    found = find("kmeans_pca", latents, 8, components=1)
    points = latents.flatten(1)
    axis = torch.linalg.svd(points - points.mean(0)).Vh[0]
    order = (points @ axis).argsort()
    changes = (found.assignment[order].diff() != 0).sum()
    assert changes == 7
    means = [latents[found.assignment == mode].mean(0) for mode in range(8)]
    assert torch.allclose(found.modes, torch.stack(means), atol=1e-6)


def test_both_halves_have_members_even_of_duplicates():
    assert halve(np.array([[0.0], [9.0], [0.1]]), 2, 0).sum() in (1, 2)
    assert halve(np.zeros((5, 2)), 2, 0).sum() == 2
