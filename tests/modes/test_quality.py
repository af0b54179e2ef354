import math

import pytest
import torch

from mgd3_kedro.modes import ModesConfig
from mgd3_kedro.modes import measure_class as measure_with
from mgd3_kedro.modes.stability import agreement_of_seeds, explained_variance, finder_coordinates
from mgd3_kedro.records import ModeSet


def config_of(finder="kmeans", ipc=2, pool=8):
    return ModesConfig(finder, ipc, 0, 1, pool, 5, "equal")


def measure_class(latents, found):
    return measure_with(latents, found, config_of())


def column(*values):
    return torch.tensor(values).view(-1, 1, 1, 1)


def mode_set(modes, assignment, latents, degenerate=0):
    members = torch.tensor(assignment)
    kept = members >= 0
    inertia = (latents[kept] - modes[members[kept]]).square().sum().item()
    return ModeSet(modes, members, torch.zeros(len(modes)).long(), inertia, degenerate)


@pytest.fixture
def measured():
    """Measure two clusters on a line, {0, 2} and {10, 12, 14}, and a latent of neither."""
    latents = column(0.0, 2, 10, 12, 14, 22)
    found = mode_set(column(1.0, 12), [0, 0, 1, 1, 1, -1], latents)
    return measure_class(latents, found)


def test_sizes_are_those_of_clusters(measured):
    assert measured["smallest_cluster"] == 2
    assert measured["largest_cluster"] == 3
    assert measured["unassigned_latents"] == 1


def test_spreads_are_root_mean_squares_within_and_between(measured):
    assert measured["inertia"] == pytest.approx(10)
    assert measured["within_spread"] == pytest.approx(math.sqrt(10 / 5))
    assert measured["between_spread"] == pytest.approx(math.sqrt((9**2 + 2**2) / 2))


def test_the_silhouette_compares_the_own_mode_with_the_nearest_other(measured):
    each = [1 - 1 / 12, 1 - 1 / 10, 1 - 2 / 9, 1, 1 - 2 / 13]
    assert measured["silhouette"] == pytest.approx(sum(each) / 5)


def test_latents_nearer_to_another_mode_count_against_the_silhouette():
    latents = column(0.0, 10)
    assert measure_class(latents, mode_set(column(9.0, 1), [0, 1], latents))[
        "silhouette"
    ] == pytest.approx(-8 / 9)


def test_equal_modes_have_no_silhouette_and_no_spread_between(recwarn):
    latents = column(3.0, 3, 3)
    measured = measure_class(latents, mode_set(column(3.0, 3), [0, 1, 1], latents, 1))
    assert measured["silhouette"] == measured["between_spread"] == measured["within_spread"] == 0
    assert measured["degenerate_clusters"] == 1
    assert measured["distinct_latents"] == 1
    assert not recwarn


def test_a_single_mode_has_no_silhouette():
    latents = column(0.0, 4, 4)
    measured = measure_class(latents, mode_set(column(2.0), [0, 0, 0], latents))
    assert measured["silhouette"] == 0
    assert measured["distinct_latents"] == 2


def test_the_variance_that_is_explained_is_that_between_clusters(measured):
    # Of five latents with mean 7.6 the squares are 155.2, of which 10 are within clusters.
    assert measured["explained_variance"] == pytest.approx(1 - 10 / 155.2)
    assert measured["explained_variance_in_finder"] == measured["explained_variance"]
    assert explained_variance(torch.ones(3, 2).numpy(), torch.tensor([0, 0, 1]).numpy()) == 0


def test_a_finder_that_looks_at_layout_explains_more_of_that(planted):
    latents = torch.randn(80, 2, 4, 4) + 3 * torch.randn(4, 2, 1, 1)[torch.arange(80) % 4]
    found = mode_set(torch.zeros(4, 2, 4, 4), (torch.arange(80) % 4).tolist(), latents)
    measured = measure_with(latents, found, config_of("kmeans_pooled", 4, pool=1))
    assert measured["explained_variance_in_finder"] > measured["explained_variance"] + 0.02


@pytest.mark.parametrize(
    ("finder", "columns"),
    [("kmeans", 32), ("kmeans_pooled", 8), ("kmeans_pca", 5), ("gmm", 5), ("hdbscan", 5)],
)
def test_what_a_finder_looks_at_has_its_dimensions(finder, columns):
    latents = torch.randn(20, 2, 4, 4)
    assert finder_coordinates(latents, config_of(finder, pool=2)).shape == (20, columns)


def test_density_is_found_where_every_dimension_varies_alike():
    latents = torch.randn(40, 2, 1, 1) * torch.tensor([1.0, 100]).view(2, 1, 1)
    ratios = {}
    for finder in ("kmeans_pca", "hdbscan"):
        spreads = finder_coordinates(latents, config_of(finder)).std(0)
        ratios[finder] = spreads.max() / spreads.min()
    assert ratios["kmeans_pca"] > 50
    assert ratios["hdbscan"] < 5


def test_clusters_that_are_there_are_found_from_every_start(planted):
    latents, _ = planted
    assert agreement_of_seeds(latents.flatten(1).double().numpy(), config_of(ipc=2)) <= 1
    apart = torch.cat([torch.randn(30, 4), torch.randn(30, 4) + 50]).double().numpy()
    assert agreement_of_seeds(apart, config_of(ipc=2)) == 1
    noise = torch.randn(600, 30).double().numpy()
    assert agreement_of_seeds(noise, config_of(ipc=8)) < 0.5


def test_the_norm_of_modes_is_told_beside_that_of_latents():
    latents = column(2.0, 4)
    assert measure_class(latents, mode_set(column(1.0, 2), [0, 1], latents))[
        "norm_ratio"
    ] == pytest.approx(0.5)
