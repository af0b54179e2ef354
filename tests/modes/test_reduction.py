import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from mgd3_kedro.modes.reduction import (
    pooled_coordinates,
    principal_coordinates,
    span_coordinates,
)


def distances(points):
    return np.linalg.norm(points[:, None] - points[None], axis=2)


@pytest.fixture
def points():
    return 5 + np.random.default_rng(0).normal(size=(12, 50))


def test_a_rotation_into_the_span_keeps_all_distances(points):
    coordinates = span_coordinates(points)
    assert coordinates.shape == (12, 12)
    assert np.allclose(distances(coordinates), distances(points), rtol=1e-13)


def test_duplicates_stay_as_good_as_equal_in_the_span(points):
    points[7] = points[3]
    assert distances(span_coordinates(points))[3, 7] < 1e-12


@pytest.mark.parametrize("dimensions", [12, 5])
def test_points_that_fill_their_space_are_left_as_they_are(points, dimensions):
    points = points[:, :dimensions]
    assert span_coordinates(points) is points


@pytest.mark.parametrize("dimensions", [50, 8])
@pytest.mark.parametrize("components", [1, 3, 8])
def test_principal_coordinates_are_those_of_scikit_learn_up_to_sign(points, dimensions, components):
    points = points[:, :dimensions] * np.linspace(1, 3, dimensions)
    expected = PCA(components, svd_solver="full").fit_transform(points)
    found = principal_coordinates(points, components)
    assert np.allclose(found * np.sign((found * expected).sum(0)), expected, atol=1e-10)


def test_no_more_components_are_taken_than_there_are(points):
    assert principal_coordinates(points, 40).shape == (12, 12)
    assert principal_coordinates(points[:, :3], 40).shape == (12, 3)


def test_pooling_averages_over_the_cells_of_a_grid():
    latents = torch.arange(64.0).view(2, 2, 4, 4)
    pooled = pooled_coordinates(latents, 2)
    assert pooled.shape == (2, 8)
    assert pooled[0, :4].tolist() == [2.5, 4.5, 10.5, 12.5]
    assert np.array_equal(pooled_coordinates(latents, 1), latents.mean((2, 3)).double().numpy())


def test_a_grid_that_is_too_fine_keeps_the_pixels():
    latents = torch.randn(3, 2, 4, 2)
    assert np.array_equal(pooled_coordinates(latents, 4), latents.flatten(1).double().numpy())
