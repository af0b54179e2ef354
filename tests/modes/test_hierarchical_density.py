import pytest
import torch

from mgd3_kedro.modes import ModesConfig, find_modes


def config_of(ipc, **changes):
    settings = {
        "random_state": 0,
        "n_init": 2,
        "pool": 2,
        "components": 5,
        "balance": "equal",
        **changes,
    }
    return ModesConfig("hdbscan", ipc, **settings)


def blob(count, centre, spread=0.1):
    return centre + spread * torch.randn(count, 2, 3, 3)


@pytest.fixture
def uneven():
    """Return latents of a dense and of a wide cluster, some between, and their owners."""
    between = torch.linspace(2, 8, 6)[:, None, None, None] * torch.ones(6, 2, 3, 3)
    latents = torch.cat([blob(60, 0.0, 0.05), blob(40, 10.0, 0.3), between])
    owners = torch.tensor([0] * 60 + [1] * 40 + [-1] * 6)
    order = torch.randperm(len(owners))
    return latents[order], owners[order]


def test_clusters_of_unlike_density_are_found_and_what_is_between_is_no_mode(uneven):
    latents, owners = uneven
    found = find_modes(latents, config_of(2), "n1")
    assert sorted(owners[found.nearest_real].tolist()) == [0, 1]
    for mode, owner in enumerate((0, 1)):
        members = owners[found.assignment == mode]
        assert set(members.tolist()) <= {owner, -1}
        assert (members == owner).sum() >= 0.7 * (owners == owner).sum()


def test_outliers_have_no_mode(planted, find):
    latents, _ = planted
    outliers = 50 * torch.tensor([1.0, -2.0, 3.0]).view(3, 1, 1, 1) + torch.randn(3, 2, 3, 3)
    found = find("hdbscan", torch.cat([latents, outliers]), 5)
    assert found.assignment[-3:].tolist() == [-1, -1, -1]
    assert found.nearest_real.max() < len(latents)


def test_the_largest_clusters_are_kept_where_there_are_more_than_images(planted):
    latents, owners = planted
    found = find_modes(latents, config_of(3, min_members=5), "n1")
    kept = [owners[found.assignment == mode].unique().tolist() for mode in range(3)]
    assert kept == [[0], [1], [2]]
    assert ((owners >= 3) == (found.assignment < 0)).all()


def test_the_largest_are_halved_where_there_are_fewer(planted):
    latents, owners = planted
    found = find_modes(latents, config_of(7, min_members=8), "n1")
    assert (found.member_counts >= 1).all()
    assert [found.assignment[owners == owner].unique().numel() for owner in (3, 4)] == [1, 1]
    for mode in range(7):
        assert owners[found.assignment == mode].unique().numel() == 1


def test_a_mode_is_a_real_latent_from_where_its_cluster_is_densest():
    # Ever farther apart along a line, so that the mean is far from where most are.
    line = 5 * (torch.arange(40.0)[:, None, None, None] / 40) ** 3 * torch.ones(40, 2, 3, 3)
    found = find_modes(torch.cat([line, blob(30, 20.0, 0.05)]), config_of(2, min_members=15), "n1")
    dense, other = sorted(found.nearest_real.tolist())
    nearest_to_mean = (line - line.mean(0)).flatten(1).norm(dim=1).argmin()
    assert dense < 20 < nearest_to_mean
    assert other >= 40


def test_a_class_of_one_cluster_has_one_mode_and_its_outlier_none():
    latents = torch.cat([blob(40, 0.0), torch.full((1, 2, 3, 3), 30.0)])
    found = find_modes(latents, config_of(1), "n1")
    assert found.assignment[-1] == -1
    assert (found.assignment[:-1] == 0).sum() > 15


def test_every_dimension_counts_alike_whatever_its_size():
    owners = torch.arange(60) % 2
    latents = torch.randn(60, 1, 2, 2) * torch.tensor([100.0, 100.0, 100.0, 1.0]).view(1, 1, 2, 2)
    latents[:, 0, 1, 1] = 5.0 * owners + 0.02 * torch.randn(60)
    latents[:, 0, 0] = 100.0 * owners[:, None] + torch.randn(60, 2)
    scaled = latents * torch.tensor([1.0, 1.0, 1.0, 1000.0]).view(1, 1, 2, 2)
    plain, larger = (
        find_modes(each, config_of(2, min_members=10), "n1") for each in (latents, scaled)
    )
    assert torch.equal(plain.assignment, larger.assignment)
    assert plain.nearest_real.tolist() == larger.nearest_real.tolist()


@pytest.mark.parametrize(("least", "clusters"), [(8, 5), (14, 3)])
def test_a_cluster_of_density_has_as_many_members_as_asked_for(least, clusters, planted):
    latents, owners = planted
    found = find_modes(latents, config_of(2, min_members=least), "n1")
    all_of_them = find_modes(latents, config_of(clusters, min_members=least), "n1")
    assert found.member_counts.tolist() == [30, 20]
    if least == 8:
        assert (all_of_them.assignment >= 0).all()
    assert owners[all_of_them.assignment >= 0].unique().numel() == clusters


def test_the_same_class_gives_the_same_modes_in_every_run(wide):
    first, again = (find_modes(wide, config_of(6), "n1") for _ in range(2))
    assert torch.equal(first.modes, again.modes)
    assert torch.equal(first.assignment, again.assignment)
