import random
import statistics

import numpy as np
import pytest

from mgd3_kedro.metrics.intervals import (
    Resampled,
    bootstrap_means,
    find_best,
    interval_of,
    interval_of_difference,
)

RESAMPLES = 4000
SEVERAL = [[90.0, 92.0, 97.0], [80.0], [85.0, 86.0]]


def arrays(values):
    return [np.array(part) for part in values]


def loop_means(values, resamples, seed):
    """Draw data sets, then trainings within each, one at a time."""
    chance = random.Random(seed)
    means = []
    for _ in range(resamples):
        chosen = [chance.choice(values) for _ in values]
        drawn = [chance.choice(part) for part in chosen for _ in part]
        means.append(statistics.fmean(drawn))
    return means


@pytest.mark.parametrize("values", [SEVERAL, [[1.0], [2.0], [6.0], [7.0]], [[3.0, 4.0, 9.0]]])
def test_the_draws_have_the_distribution_of_a_loop_that_draws_one_at_a_time(values):
    drawn = bootstrap_means(arrays(values), RESAMPLES, np.random.default_rng(0))
    expected = loop_means(values, RESAMPLES, 1)
    assert drawn.size == (len(values) if len(values) > 1 else len(values[0]))
    drawn = drawn.means
    assert drawn.shape == (RESAMPLES,)
    spread = np.std(expected)
    error = 5 * spread / RESAMPLES**0.5
    assert drawn.mean() == pytest.approx(np.mean(expected), abs=error)
    assert drawn.std() == pytest.approx(spread, rel=0.06)
    for share in (0.05, 0.25, 0.75, 0.95):
        below = np.mean(drawn <= np.quantile(expected, share))
        assert below == pytest.approx(np.mean(expected <= np.quantile(expected, share)), abs=0.05)


def test_two_trainings_have_three_means_one_of_them_twice_as_often():
    drawn = bootstrap_means(arrays([[0.0], [2.0]]), RESAMPLES, np.random.default_rng(0)).means
    values, counts = np.unique(drawn, return_counts=True)
    assert values.tolist() == [0, 1, 2]
    np.testing.assert_allclose(counts / RESAMPLES, [0.25, 0.5, 0.25], atol=0.03)


def test_data_sets_that_differ_more_than_their_trainings_widen_the_interval():
    same = [70.0, 71.0, 72.0, 73.0]
    within, between = (
        bootstrap_means(arrays(values), RESAMPLES, np.random.default_rng(0)).means
        for values in ([[70, 73.0], [71, 72.0]], [[70, 71.0], [72, 73.0]])
    )
    assert within.mean() == pytest.approx(np.mean(same), abs=0.1)
    # Variance of the mean: over two drawn data sets, plus that of two trainings in each of them.
    assert between.var() == pytest.approx(1.0 / 2 + 0.25 / 4, rel=0.1)
    assert within.var() == pytest.approx(0.0 + (2.25 + 0.25) / 2 / 4, rel=0.1)


def test_equal_trainings_have_an_interval_without_width():
    drawn = bootstrap_means(arrays([[64.5, 64.5], [64.5]]), 100, np.random.default_rng(0))
    assert interval_of(drawn, 0.95) == (64.5, 64.5)


def test_the_same_generator_draws_the_same():
    first, second = (
        bootstrap_means(arrays(SEVERAL), 50, np.random.default_rng(seed)).means for seed in (7, 7)
    )
    np.testing.assert_array_equal(first, second)


def test_an_interval_leaves_the_same_share_out_at_both_ends():
    # Of so many, percentiles are what they are.
    low, high = interval_of(Resampled(np.arange(101.0), 10**9), 0.9)
    assert (low, high) == pytest.approx((5, 95))


@pytest.mark.parametrize("count", [2, 3, 5, 10])
def test_an_interval_of_few_values_holds_their_mean_as_often_as_it_says(count):
    generator = np.random.default_rng(0)
    held = 0
    for _ in range(1000):
        values = generator.normal(0, 1, count)
        low, high = interval_of(bootstrap_means([*values[:, None]], 1000, generator), 0.95)
        held += low <= 0 <= high
    # Two values have but three means: their percentiles are not quite those of a normal one.
    assert held / 1000 == pytest.approx(0.93 if count == 2 else 0.95, abs=0.02)


def test_two_equal_methods_are_seldom_told_apart():
    generator = np.random.default_rng(0)
    apart = 0
    for _ in range(500):
        values = generator.normal(60, 1, (2, 3))
        drawn = [bootstrap_means([*one[:, None]], 500, generator) for one in values]
        apart += not all(find_best([*values.mean(1)], drawn, 0.95))
    assert apart / 500 == pytest.approx(0.05, abs=0.02)


def test_a_difference_has_the_freedom_of_the_one_that_varies():
    generator = np.random.default_rng(0)
    steady = Resampled(np.full(4000, 50.0), 2)
    drawn = bootstrap_means([*generator.normal(60, 1, (20, 1))], 4000, generator)
    low, high = interval_of(drawn, 0.95)
    assert interval_of_difference(drawn, steady, 0.95) == pytest.approx((low - 50, high - 50))
    assert interval_of_difference(steady, steady, 0.95) == (0, 0)


@pytest.mark.parametrize("values", [[], [[]], [[1.0], []]])
def test_a_data_set_without_trainings_is_refused(values):
    with pytest.raises(ValueError, match="values: expected trainings of every data set, got"):
        bootstrap_means(arrays(values), 10, np.random.default_rng(0))


def around(mean, width, seed):
    return Resampled(np.random.default_rng(seed).normal(mean, width, 500), 100)


def test_what_is_not_separated_from_the_best_is_among_the_best():
    draws = [around(60, 1, 0), around(66, 1, 1), around(67, 1, 2)]
    assert find_best([60, 66, 67], draws, 0.95) == [False, True, True]
    assert find_best([60, 66, 67], draws, 0.2) == [False, False, True]


@pytest.mark.parametrize(
    ("means", "singles", "expected"),
    [
        ([60.0, 66.0], [0], [False, True]),  # a single training is never among the best
        ([60.0, 66.0], [1], [False, False]),  # where it leads, nothing is known to be best
        ([60.0, np.nan], [1], [False, False]),  # nothing to compare with
        ([66.0], [], [False]),
        ([66.0, 66.0], [], [True, True]),
    ],
)
def test_what_nothing_supports_is_not_among_the_best(means, singles, expected):
    draws = [
        None if place in singles else Resampled(np.full(10, mean), 3)
        for place, mean in enumerate(means)
    ]
    assert find_best(means, draws, 0.95) == expected
