import numpy as np
import pytest

from mgd3_kedro.metrics.distances import check_features, iterate_distances, measure_radii


def test_distances_of_more_rows_than_a_block_equal_those_of_a_double_loop():
    generator = np.random.default_rng(0)
    queries, references = generator.normal(size=(600, 3)), generator.normal(size=(4, 3))
    blocks = list(iterate_distances(queries, references))
    expected = [[np.linalg.norm(q - r) for r in references] for q in queries]
    assert len(blocks) == 2
    np.testing.assert_allclose(np.concatenate(blocks), expected, rtol=1e-12)


def test_duplicates_far_from_the_origin_are_exactly_zero_apart():
    samples = 1e6 + np.random.default_rng(0).normal(size=(8, 64))
    (block,) = iterate_distances(samples, samples.copy())
    assert (np.diag(block) == 0).all()
    assert (block == block.T).all()


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
