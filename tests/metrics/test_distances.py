import numpy as np
import pytest

from mgd3_kedro.metrics import distances
from mgd3_kedro.metrics.distances import (
    check_features,
    find_inside,
    measure_radii,
    measure_to_nearest,
)


def measure_by_loops(queries, references):
    return np.array([[np.linalg.norm(q - r) for r in references] for q in queries])


@pytest.mark.parametrize("away", [0.0, 1e6])
def test_nearest_distances_of_more_than_a_block_equal_those_of_a_double_loop(away, monkeypatch):
    monkeypatch.setattr(distances, "ROWS_AT_ONCE", 20)
    monkeypatch.setattr(distances, "COLUMNS_AT_ONCE", 2)
    monkeypatch.setattr(distances, "NUMBERS_AT_ONCE", 7)
    generator = np.random.default_rng(0)
    queries, references = (away + generator.normal(size=(count, 5)) for count in (50, 30))
    expected = np.sort(measure_by_loops(queries, references), axis=1)
    for count in (1, 7, 30):
        found = measure_to_nearest(queries, references, count)
        np.testing.assert_allclose(found, expected[:, :count], rtol=1e-14)


def test_duplicates_far_from_the_origin_are_exactly_zero_apart():
    samples = 1e6 + np.random.default_rng(0).normal(size=(8, 64))
    repeated = np.concatenate([samples, samples])
    assert (measure_to_nearest(samples, repeated, 2) == 0).all()
    assert (measure_radii(repeated, 1) == 0).all()
    assert (measure_radii(repeated, 2) > 1).all()


@pytest.mark.parametrize("scale", [1.0, 1e-7])
def test_distances_that_vanish_beside_the_spread_of_the_set_are_exact(scale):
    generator = np.random.default_rng(0)
    samples = 1e3 * generator.normal(size=(6, 256))
    moves = scale * generator.normal(size=samples.shape)
    expected = np.linalg.norm((samples + moves) - samples, axis=1)
    found = measure_to_nearest(samples + moves, samples, 1)[:, 0]
    np.testing.assert_allclose(found, expected, rtol=1e-14)


def test_what_lies_in_a_ball_is_what_a_double_loop_finds(monkeypatch):
    monkeypatch.setattr(distances, "ROWS_AT_ONCE", 8)
    generator = np.random.default_rng(0)
    samples, centres = generator.normal(size=(30, 4)), generator.normal(size=(20, 4))
    radii = generator.uniform(0.5, 3, size=20)
    inside = find_inside(samples, centres, radii)
    np.testing.assert_array_equal(inside, measure_by_loops(samples, centres) < radii)
    assert 0.1 < inside.mean() < 0.9


def test_a_ball_holds_nothing_at_its_very_radius_wherever_and_among_whomever_it_is_looked_for():
    samples = 1e4 + np.random.default_rng(0).normal(size=(40, 300))
    radii = measure_radii(samples, 3)
    together = find_inside(samples, samples, radii)
    # The sample itself, and the two that are nearer than the third.
    assert together.sum(axis=0).tolist() == [3] * 40
    for place, sample in enumerate(samples):
        alone = find_inside(sample[None], samples, radii)
        np.testing.assert_array_equal(alone[0], together[place])


def test_nothing_lies_in_a_ball_without_a_radius():
    assert not find_inside(np.zeros((2, 3)), np.zeros((1, 3)), np.array([np.nan])).any()


def test_a_radius_reaches_the_kth_other_sample():
    samples = np.array([[0.0], [1.0], [3.0], [7.0]])
    np.testing.assert_array_equal(measure_radii(samples, 1), [1, 1, 2, 4])
    np.testing.assert_array_equal(measure_radii(samples, 2), [3, 2, 3, 6])
    np.testing.assert_array_equal(measure_radii(samples, 99), [7, 6, 4, 7])


def test_a_lone_sample_has_no_radius():
    assert np.isnan(measure_radii(np.zeros((1, 2)), 5)).tolist() == [True]


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ({"real": np.zeros(3)}, r"real: expected shape \(N, D\).* got \(3,\)"),
        ({"real": np.zeros((0, 3))}, r"real: expected shape .* got \(0, 3\)"),
        ({"real": np.zeros((2, 2, 2))}, r"got \(2, 2, 2\)"),
        ({"real": np.array([[1.0], [np.nan], [np.inf]])}, "2 of 3 samples"),
        ({"real": np.zeros((2, 3)), "synthetic": np.zeros((2, 4))}, "'real': 3, 'synthetic': 4"),
    ],
)
def test_features_that_cannot_be_compared_are_refused(features, message):
    with pytest.raises(ValueError, match=message):
        check_features(features)
