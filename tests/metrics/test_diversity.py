import warnings

import numpy as np
import pytest

from mgd3_kedro.metrics import normalise_jointly, score_diversity, score_representativeness
from mgd3_kedro.metrics.coverage import Neighbourhoods
from mgd3_kedro.metrics.diversity import measure_diversity, measure_representativeness


def diversity_of(real, synthetic):
    return measure_diversity(Neighbourhoods(real, synthetic))


def representativeness_of(real, synthetic):
    return measure_representativeness(Neighbourhoods(real, synthetic))


@pytest.fixture
def generator():
    return np.random.default_rng(0)


def test_diversity_is_the_distance_to_the_nearest_other_sample():
    np.testing.assert_array_equal(score_diversity(np.array([[0.0], [1.0], [3.0]])), [1, 1, 2])


def test_diversity_equals_a_double_loop(generator):
    samples = generator.normal(size=(12, 5))
    expected = [
        min(np.linalg.norm(a - b) for j, b in enumerate(samples) if j != i)
        for i, a in enumerate(samples)
    ]
    np.testing.assert_allclose(score_diversity(samples), expected, rtol=1e-12)


def test_duplicates_have_diversity_zero_even_far_from_the_origin(generator):
    samples = 1e5 + generator.normal(size=(3, 256)).astype(np.float32)
    scores = score_diversity(np.concatenate([samples, samples[:1]]))
    assert scores[[0, 3]].tolist() == [0, 0]
    assert (scores[1:3] > 1).all()


def test_diversity_of_a_single_sample_is_undefined_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(score_diversity(np.ones((1, 4)))).tolist() == [True]
        assert np.isnan(diversity_of(np.zeros((3, 4)), np.ones((1, 4))))


def test_representativeness_is_the_mean_distance_to_the_nearest_real_samples():
    real = np.array([[0.0], [1.0], [2.0], [10.0]])
    scores = score_representativeness(real, np.array([[0.0], [9.0]]), neighbours=2)
    np.testing.assert_array_equal(scores, [0.5, 4.0])


def test_representativeness_equals_a_double_loop(generator):
    real, synthetic = generator.normal(size=(70, 6)), generator.normal(size=(9, 6))
    expected = [np.mean(sorted(np.linalg.norm(s - r) for r in real)[:50]) for s in synthetic]
    np.testing.assert_allclose(score_representativeness(real, synthetic), expected, rtol=1e-12)
    assert representativeness_of(real, synthetic) == pytest.approx(np.mean(expected))


def test_more_neighbours_than_real_samples_means_all_of_them(generator):
    real, synthetic = generator.normal(size=(7, 3)), generator.normal(size=(4, 3))
    np.testing.assert_array_equal(
        score_representativeness(real, synthetic, 50), score_representativeness(real, synthetic, 7)
    )


def test_a_copy_of_the_real_data_is_perfectly_representative_for_one_neighbour(generator):
    real = generator.normal(size=(30, 8))
    assert (score_representativeness(real, real.copy(), 1) == 0).all()
    assert (score_representativeness(real, real + 0.01, 1) > 0).all()


def test_a_copy_of_the_real_data_is_more_representative_than_anything_off_the_data(generator):
    real = generator.normal(size=(200, 8))
    copy = representativeness_of(real, real)
    noisy = representativeness_of(real, real + generator.normal(size=real.shape))
    shifted = representativeness_of(real, real + 1)
    assert copy < noisy
    assert copy < shifted


def test_a_collapsed_set_looks_more_representative_than_a_copy_but_has_no_diversity(generator):
    real = generator.normal(size=(200, 64))
    collapsed = np.repeat(real.mean(axis=0, keepdims=True), 200, axis=0)
    assert representativeness_of(real, collapsed) < representativeness_of(real, real)
    assert diversity_of(real, collapsed) == 0


@pytest.mark.parametrize("neighbours", [0, -1])
def test_no_neighbours_are_refused(neighbours):
    with pytest.raises(ValueError, match="neighbours"):
        score_representativeness(np.zeros((2, 2)), np.zeros((2, 2)), neighbours)


def test_normalising_shares_one_range_between_methods_and_keeps_their_sizes():
    scores = {"a": np.array([2.0, 4.0]), "b": np.array([3.0, 6.0, 4.0])}
    normalised = normalise_jointly(scores)
    assert {method: values.tolist() for method, values in normalised.items()} == {
        "a": [0.0, 0.5],
        "b": [0.25, 1.0, 0.5],
    }
    assert scores["a"].tolist() == [2, 4]


def test_where_small_is_better_the_smallest_gets_one():
    normalised = normalise_jointly({"a": [2.0], "b": [6.0, 3.0]}, smaller_is_better=True)
    assert normalised["a"].tolist() == [1]
    assert normalised["b"].tolist() == [0, 0.75]


def test_undefined_scores_stay_undefined_and_leave_the_range_alone():
    normalised = normalise_jointly({"one": [np.nan], "b": [1.0, 5.0]})
    assert np.isnan(normalised["one"]).all()
    assert normalised["b"].tolist() == [0, 1]
    assert np.isnan(normalise_jointly({"one": [np.nan]})["one"]).tolist() == [True]


def test_equal_scores_normalise_without_dividing_by_zero():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert normalise_jointly({"a": [3.0], "b": [3.0]})["b"].tolist() == [0]
        reversed_ = normalise_jointly({"a": [3.0], "b": [3.0]}, smaller_is_better=True)
    assert reversed_["b"].tolist() == [1]
