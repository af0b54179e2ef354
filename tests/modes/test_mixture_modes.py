import torch
from sklearn.metrics import adjusted_rand_score


def accuracy(assignment, owners):
    agree = (assignment == owners).float().mean().item()
    return max(agree, 1 - agree)


def test_a_mixture_tells_a_tight_cluster_from_a_wide_one_around_it(find):
    owners = torch.arange(300) % 2
    scale = torch.where(owners == 0, 0.3, 3.0).view(300, 1, 1, 1)
    latents = 1.5 * owners.view(300, 1, 1, 1) + scale * torch.randn(300, 1, 2, 2)
    assert accuracy(find("gmm", latents, 2).assignment, owners) > 0.95
    assert accuracy(find("kmeans", latents, 2).assignment, owners) < 0.9


def test_principal_components_show_what_many_dimensions_drown(find):
    owners = torch.arange(240) % 10
    scale = torch.linspace(0.5, 2, 10).view(10, 1, 1, 1)
    latents = (0.7 * torch.randn(10, 2, 12, 12))[owners]
    latents += scale[owners] * torch.randn(240, 2, 12, 12)
    found = find("gmm", latents, 10, components=10)
    everywhere = find("gmm", latents, 10, components=240)
    assert adjusted_rand_score(owners, found.assignment) > 0.95
    assert adjusted_rand_score(owners, everywhere.assignment) < 0.6


def test_no_component_shrinks_to_a_single_latent_of_no_variance(find):
    latents = torch.tensor([-4.0, -1, 1, 2, 4, 7]).view(6, 1, 1, 1)
    assert find("gmm", latents, 2, n_init=5, components=1).member_counts.min() == 2


def test_modes_are_means_of_all_latents_by_responsibility(find):
    latents = torch.randn(200, 1, 1, 2)
    found = find("gmm", latents, 2, components=2)
    weights = torch.linalg.lstsq(
        torch.cat([found.modes.flatten(1).T, torch.ones(1, 2)]),
        torch.cat([latents.flatten(1).mean(0), torch.ones(1)]),
    )
    means = [latents[found.assignment == mode].mean(0) for mode in range(2)]
    assert not torch.allclose(found.modes, torch.stack(means), atol=1e-2)
    # Whatever their weights, the modes average to the mean of the class.
    mixed = weights.solution @ found.modes.flatten(1)
    assert torch.allclose(mixed, latents.flatten(1).mean(0), atol=1e-4)
    assert (weights.solution > 0).all()
