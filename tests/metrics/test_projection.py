import warnings

import numpy as np
import pytest

from mgd3_kedro.metrics import ProjectionConfig, project_jointly

FIXED = ProjectionConfig(perplexity=30.0, random_state=0, plane_components=50)


def test_synthetic_samples_land_beside_the_real_cluster_they_come_from():
    generator = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 20)
    centres = 20 * np.eye(3, 10)
    real = centres[labels] + generator.normal(size=(60, 10))
    origins = {"mixed": np.array([2, 0, 1, 0]), "one": np.array([1, 1])}
    synthetic = {
        name: centres[of] + generator.normal(size=(len(of), 10)) for name, of in origins.items()
    }
    plane, planes = project_jointly(real, synthetic, FIXED)
    assert plane.shape == (60, 2)
    assert list(planes) == ["mixed", "one"]
    for name, of in origins.items():
        nearest = np.linalg.norm(planes[name][:, None] - plane[None], axis=2).argmin(axis=1)
        np.testing.assert_array_equal(labels[nearest], of)


def test_the_same_random_state_gives_the_same_plane():
    features = np.random.default_rng(0).normal(size=(15, 4))
    first = project_jointly(features, {"a": features[:3] + 0.1}, ProjectionConfig(30.0, 3, None))
    again = project_jointly(features, {"a": features[:3] + 0.1}, ProjectionConfig(30.0, 3, None))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1]["a"], again[1]["a"])


def test_another_random_state_gives_another_plane_where_the_start_is_drawn():
    # Features of one number each have no plane to start from.
    features = np.random.default_rng(0).normal(size=(15, 1))
    first, other = (
        project_jointly(features, {}, ProjectionConfig(5.0, n, None))[0] for n in (3, 4)
    )
    assert not np.allclose(first, other)


def test_a_plane_of_principal_components_is_that_of_features_that_have_no_more():
    generator = np.random.default_rng(0)
    flat = generator.normal(size=(40, 3)) @ generator.normal(size=(3, 30))
    whole, few = (
        project_jointly(flat, {}, ProjectionConfig(5.0, 0, count))[0] for count in (None, 3)
    )
    distances = [np.linalg.norm(plane[:, None] - plane[None], axis=2) for plane in (whole, few)]
    nearest = [np.argsort(of, axis=1)[:, 1:4] for of in distances]
    shared = [len({*a} & {*b}) for a, b in zip(*nearest, strict=True)]
    assert np.mean(shared) > 2.5


def test_what_lies_along_no_principal_component_does_not_move_the_plane():
    generator = np.random.default_rng(0)
    wide, thin = generator.normal(size=(40, 2)) * [30, 20], generator.normal(size=(40, 6))
    (plane, _), (other, _) = (
        project_jointly(np.hstack([wide, scale * thin]), {}, ProjectionConfig(5.0, 0, 2))
        for scale in (1e-9, 2e-9)
    )
    np.testing.assert_allclose(plane, other, atol=1e-2)


@pytest.mark.parametrize("samples", [1, 2, 3, 5])
@pytest.mark.parametrize("width", [1, 3])
def test_tiny_sets_are_projected_to_finite_places_without_a_warning(samples, width):
    real = np.random.default_rng(0).normal(size=(samples, width))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plane, planes = project_jointly(real, {"a": real[:1] + 1}, FIXED)
    assert plane.shape == (samples, 2)
    assert planes["a"].shape == (1, 2)
    assert np.isfinite(plane).all()
    assert np.ptp(np.concatenate([plane, planes["a"]]), axis=0).max() > 0


def test_identical_samples_are_projected_to_finite_places():
    plane, planes = project_jointly(np.ones((6, 3)), {"a": np.ones((2, 3))}, FIXED)
    assert np.isfinite(plane).all()
    assert np.isfinite(planes["a"]).all()


def test_a_lone_real_sample_lies_at_the_origin():
    plane, planes = project_jointly(np.ones((1, 3)), {}, FIXED)
    assert plane.tolist() == [[0, 0]]
    assert planes == {}


def test_a_method_may_be_called_real():
    features = np.random.default_rng(0).normal(size=(8, 2))
    _, planes = project_jointly(features, {"real": features[:2]}, FIXED)
    assert planes["real"].shape == (2, 2)


def test_what_cannot_be_projected_is_refused():
    with pytest.raises(ValueError, match="perplexity"):
        ProjectionConfig(0, 0, None)
    with pytest.raises(ValueError, match=r"one width D.*'synthetic a': 3"):
        project_jointly(np.zeros((4, 2)), {"a": np.zeros((4, 3))}, FIXED)
