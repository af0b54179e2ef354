import numpy as np
import pytest

from mgd3_kedro.metrics import compare_nearest, measure_nearest, prefer_training
from mgd3_kedro.metrics.memorisation import nearest_limit

PERCENTILES = (5, 25, 50, 75, 95)


def test_the_nearest_of_more_queries_than_a_block_is_that_of_a_double_loop():
    generator = np.random.default_rng(0)
    queries, training = generator.normal(size=(520, 3)), generator.normal(size=(9, 3))
    expected = [min(np.linalg.norm(query - other) for other in training) for query in queries]
    np.testing.assert_allclose(measure_nearest(queries, training), expected, rtol=1e-12)


def test_a_copy_is_at_no_distance_whatever_its_precision():
    training = np.random.default_rng(0).normal(size=(20, 8)).astype(np.float32) + 100
    assert (measure_nearest(training[::-1][:5].astype(np.float64), training) == 0).all()


def test_features_that_do_not_compare_are_refused():
    with pytest.raises(ValueError, match="'queries': 3, 'training': 4"):
        measure_nearest(np.zeros((2, 3)), np.zeros((2, 4)))
    with pytest.raises(ValueError, match="training: expected shape"):
        measure_nearest(np.zeros((2, 3)), np.zeros((0, 3)))


def test_percentiles_are_those_of_each_set():
    samples, unseen = np.arange(101.0), 1000 + 10 * np.arange(101.0)
    measured = compare_nearest(samples, unseen)
    assert [measured[f"samples_p{at}"] for at in PERCENTILES] == [5, 25, 50, 75, 95]
    assert [measured[f"unseen_p{at}"] for at in PERCENTILES] == [1050, 1250, 1500, 1750, 1950]


def test_the_probability_is_that_of_a_double_loop_with_ties_as_halves():
    generator = np.random.default_rng(0)
    samples, unseen = generator.integers(0, 9, 40), generator.integers(2, 12, 30)
    pairs = [float(a < b) + 0.5 * (a == b) for a in samples for b in unseen]
    measured = compare_nearest(samples, unseen)
    assert measured["nearer_probability"] == pytest.approx(np.mean(pairs))
    turned = compare_nearest(unseen, samples)
    assert turned["nearer_probability"] == pytest.approx(1 - np.mean(pairs))


def test_copies_are_nearer_than_any_unseen_image():
    measured = compare_nearest(np.zeros(50), np.linspace(3, 5, 200))
    assert measured["nearest_percent"] == 100
    assert measured["nearer_probability"] == 1


def test_samples_that_are_like_unseen_images_are_near_as_often():
    generator = np.random.default_rng(0)
    measured = compare_nearest(generator.random(20_000), generator.random(20_000))
    assert measured["nearest_percent"] == pytest.approx(1, abs=0.5)
    assert measured["nearer_probability"] == pytest.approx(0.5, abs=0.02)


def test_few_copies_among_new_images_show_in_the_nearest_percent():
    samples = np.concatenate([np.zeros(50), np.linspace(10, 11, 950)])
    measured = compare_nearest(samples, np.linspace(10, 11, 4000))
    # 50 copies, and one percent of the others.
    assert measured["nearest_percent"] == pytest.approx(5.95, abs=0.1)
    assert measured["nearer_probability"] == pytest.approx(0.525, abs=0.001)


def test_the_limit_is_where_the_nearest_percent_of_unseen_images_ends():
    assert nearest_limit(np.arange(101.0)) == 1
    # What lies at the limit is not nearer than it.
    assert compare_nearest([1.0, 0.5], np.arange(101.0))["nearest_percent"] == 50


def test_a_training_image_is_nearest_as_often_as_counted_and_as_chance_has_it():
    measured = prefer_training([1.0, 2.0, 3.0, 4.0], [2.0, 2.0, 1.0, 9.0], 30, 10)
    assert measured == {"training_nearest_percent": 62.5, "training_nearest_by_chance": 75.0}


def test_plain_samples_are_nearer_but_prefer_training_images_no_more_than_chance_has_it():
    generator = np.random.default_rng(0)
    plain = 0.5 * generator.normal(size=(200, 8))
    nearer, preferred = [], []
    for _ in range(60):
        real = generator.normal(size=(80, 8))
        training, unseen = real[:60], real[60:]
        near = measure_nearest(plain, training)
        compared = compare_nearest(near, measure_nearest(unseen, training))
        measured = prefer_training(near, measure_nearest(plain, unseen), 60, 20)
        assert measured["training_nearest_by_chance"] == 75
        nearer.append(compared["nearer_probability"])
        preferred.append(measured["training_nearest_percent"])
    assert np.mean(nearer) > 0.7
    # 60 sets of images with a standard deviation of about 9.
    assert np.mean(preferred) == pytest.approx(75, abs=4)


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        ([], r"samples: expected finite distances .* got shape \(0,\);"),
        ([[1.0]], r"got shape \(1, 1\)"),
        ([1.0, np.nan], "from nan to nan"),
        ([1.0, -0.5], r"got shape \(2,\) from -0.5 to 1; measure them with measure_nearest"),
    ],
)
def test_what_are_no_distances_is_refused(samples, message):
    with pytest.raises(ValueError, match=message):
        compare_nearest(samples, [1.0])


def test_distances_of_other_samples_are_refused():
    with pytest.raises(ValueError, match="a distance for each of 2 samples, got 3"):
        prefer_training([1.0, 2.0], [1.0, 2.0, 3.0], 5, 5)
