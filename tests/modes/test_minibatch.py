import torch


def test_modes_are_the_means_of_all_that_are_nearest_to_what_batches_have_found(wide, find):
    found = find("minibatch_kmeans", wide, 6)
    for mode in range(6):
        members = wide[found.assignment == mode]
        assert torch.allclose(found.modes[mode], members.mean(0), atol=1e-5)


def test_clusters_that_are_apart_are_those_of_kmeans_and_weigh_as_much(planted, find):
    latents, owners = planted
    counts = {
        name: sorted(find(name, latents, 5).member_counts.tolist())
        for name in ("kmeans", "minibatch_kmeans")
    }
    assert counts["minibatch_kmeans"] == counts["kmeans"] == [8, 10, 15, 20, 30]
    assert sorted(owners.bincount().tolist()) == counts["kmeans"]


def test_batches_see_fewer_latents_than_there_are_and_find_no_better_clusters(find):
    latents = torch.randn(3000, 2, 2, 2)
    whole = find("kmeans", latents, 8, n_init=3).inertia
    parts = find("minibatch_kmeans", latents, 8, n_init=3).inertia
    assert whole < parts < 1.1 * whole
