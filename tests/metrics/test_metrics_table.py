import numpy as np
import pytest

from mgd3_kedro.metrics import METRICS, Neighbourhoods

SMALLER_IS_BETTER = {"representativeness"}
DISTANCES = {"diversity", "representativeness"}


@pytest.fixture
def real():
    return np.random.default_rng(0).normal(size=(80, 6))


@pytest.fixture
def synthetic(real):
    return real[:20] + 0.3 * np.random.default_rng(1).normal(size=(20, 6))


def measure(name, real, synthetic):
    return METRICS[name](Neighbourhoods(real, synthetic))


def test_the_table_holds_the_metrics_of_a_class():
    assert set(METRICS) == {
        "coverage",
        "density",
        "diversity",
        "norm_ratio",
        "pairwise_ratio",
        "precision",
        "recall",
        "representativeness",
        "symmetric_recall",
    }


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_is_a_finite_float_that_leaves_its_inputs_alone(name, real, synthetic):
    real_before, synthetic_before = real.copy(), synthetic.copy()
    value = measure(name, real, synthetic)
    assert type(value) is float
    assert 0 < value < 10
    np.testing.assert_array_equal(real, real_before)
    np.testing.assert_array_equal(synthetic, synthetic_before)


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_does_not_depend_on_the_order_of_samples(name, real, synthetic):
    value = measure(name, real[::-1], synthetic[::-1])
    assert value == pytest.approx(measure(name, real, synthetic), rel=1e-12)


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_follows_the_scale_of_features_only_if_it_is_a_distance(name, real, synthetic):
    factor = 8.0 if name in DISTANCES else 1.0
    value = measure(name, 8 * real, 8 * synthetic)
    assert value == pytest.approx(factor * measure(name, real, synthetic), rel=1e-12)


@pytest.mark.parametrize("name", sorted(METRICS.keys() - {"norm_ratio"}))
def test_a_metric_prefers_the_real_data_to_one_far_image_repeated(name, real):
    best = measure(name, real, real.copy())
    worst = measure(name, real, np.full((20, 6), 50.0))
    assert best < worst if name in SMALLER_IS_BETTER else best > worst


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_computes_single_precision_features_in_double(name, real, synthetic):
    single = real.astype(np.float32), synthetic.astype(np.float32)
    double = single[0].astype(np.float64), single[1].astype(np.float64)
    assert measure(name, *single) == measure(name, *double)


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_refuses_features_of_different_widths_and_broken_ones(name, real, synthetic):
    with pytest.raises(ValueError, match="one width D"):
        measure(name, real, synthetic[:, :5])
    synthetic[3, 2] = np.nan
    with pytest.raises(ValueError, match="synthetic: expected finite values, got 1 of 20"):
        measure(name, real, synthetic)
