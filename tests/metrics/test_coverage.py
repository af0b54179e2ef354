import numpy as np
import pytest

from mgd3_kedro.metrics import Neighbourhoods

NAMES = ("precision", "recall", "density", "coverage", "symmetric_recall")


def measure(real, synthetic, neighbours=5):
    balls = Neighbourhoods(real, synthetic, neighbours)
    return {name: getattr(balls, name) for name in NAMES}


def measure_by_loops(real, synthetic, k):
    def distance(a, b):
        return float(np.linalg.norm(a - b))

    def radius(samples, i):
        return sorted(distance(samples[i], b) for j, b in enumerate(samples) if j != i)[k - 1]

    real_radii = [radius(real, i) for i in range(len(real))]
    synthetic_radii = [radius(synthetic, j) for j in range(len(synthetic))]
    holders = [[i for i, r in enumerate(real) if distance(r, s) < real_radii[i]] for s in synthetic]
    recalled = [
        any(distance(r, s) < synthetic_radii[j] for j, s in enumerate(synthetic)) for r in real
    ]
    covered = len({i for held in holders for i in held}) / len(real)
    return {
        "precision": np.mean([bool(held) for held in holders]),
        "recall": np.mean(recalled),
        "density": sum(len(held) for held in holders) / (k * len(synthetic)),
        "coverage": covered,
        "symmetric_recall": min(np.mean(recalled), covered),
    }


@pytest.mark.parametrize("k", [1, 3, 5])
def test_all_equal_loops_over_their_definitions(k):
    generator = np.random.default_rng(k)
    real, synthetic = generator.normal(size=(40, 3)), 1.3 * generator.normal(size=(12, 3))
    expected = measure_by_loops(real, synthetic, k)
    assert measure(real, synthetic, k) == pytest.approx(expected)
    assert 0 < expected["precision"] < 1
    assert 0 < expected["coverage"] < 1


def test_a_copy_of_the_real_data_has_one_everywhere():
    real = np.random.default_rng(0).normal(size=(60, 16))
    assert measure(real, real.copy()) == pytest.approx(dict.fromkeys(NAMES, 1.0))


def test_fresh_real_samples_have_density_one_and_the_expected_coverage():
    generator = np.random.default_rng(0)
    real, fresh = generator.normal(size=(1000, 4)), generator.normal(size=(1000, 4))
    values = measure(real, fresh)
    assert values["density"] == pytest.approx(1, abs=0.05)
    # Lemma 2 of arXiv 2002.09797: about 1 - 1 / 2^k for sets of equal size.
    assert values["coverage"] == pytest.approx(1 - 2**-5, abs=0.02)


def test_samples_far_from_the_real_ones_have_nothing():
    real = np.random.default_rng(0).normal(size=(30, 4))
    assert measure(real, real + 1000) == dict.fromkeys(NAMES, 0.0)


def test_a_dropped_mode_costs_recall_and_coverage_but_not_precision():
    generator = np.random.default_rng(0)
    kept, dropped = generator.normal(size=(50, 4)), 100 + generator.normal(size=(50, 4))
    values = measure(np.concatenate([kept, dropped]), kept.copy())
    assert values["precision"] == 1
    assert values["recall"] == 0.5
    assert values["coverage"] == values["symmetric_recall"] == 0.5


def test_few_images_far_off_the_data_fool_recall_alone():
    generator = np.random.default_rng(0)
    real, far = generator.normal(size=(200, 32)), 30 * generator.normal(size=(10, 32))
    values = measure(real, far)
    assert values["recall"] == 1
    assert [values[name] for name in NAMES if name != "recall"] == [0, 0, 0, 0]


def test_images_that_are_all_near_the_mean_fool_all_but_recall():
    generator = np.random.default_rng(0)
    real = generator.normal(size=(200, 256))
    blurred = real.mean(0) + 0.1 * generator.normal(size=(10, 256))
    values = measure(real, blurred)
    assert values["precision"] == values["coverage"] == 1
    assert values["density"] > 10
    assert values["recall"] == values["symmetric_recall"] == 0


def test_real_images_reach_more_of_the_class_the_more_they_are():
    generator = np.random.default_rng(0)
    real = generator.normal(size=(200, 8))
    reached = [measure(real, real[:count])["symmetric_recall"] for count in (10, 50, 200)]
    assert 0.1 < reached[0] < reached[1] < reached[2] == 1


def test_a_real_outlier_flatters_precision_but_hardly_density():
    generator = np.random.default_rng(0)
    real = np.concatenate([generator.normal(size=(50, 2)), [[30.0, 0.0]]])
    near_outlier = np.array([[20.0, 0.0], [25.0, 5.0], [15.0, 2.0]])
    values = measure(real, near_outlier)
    assert values["precision"] == 1
    assert values["density"] == pytest.approx(1 / 5)
    assert values["coverage"] == pytest.approx(1 / 51)


def test_a_single_synthetic_sample_has_no_ball_and_so_no_recall():
    values = measure(np.array([[0.0], [1.0], [2.0]]), np.array([[1.0]]))
    assert np.isnan(values.pop("recall"))
    assert np.isnan(values.pop("symmetric_recall"))
    assert values == {"precision": 1.0, "density": 1.5, "coverage": 1.0}


def test_a_single_real_sample_has_no_ball_and_leaves_only_recall():
    values = measure(np.array([[0.5]]), np.array([[0.0], [1.0], [2.0]]))
    assert values.pop("recall") == 1
    assert np.isnan(list(values.values())).all()


def test_a_sample_on_the_edge_of_a_ball_is_outside():
    values = measure(np.array([[0.0], [1.0], [2.0], [4.0]]), np.array([[0.0], [2.0]]), 1)
    assert values["recall"] == 0.75
    assert values["density"] == 1


def test_more_neighbours_than_samples_means_all_others():
    generator = np.random.default_rng(0)
    real, synthetic = generator.normal(size=(6, 2)), generator.normal(size=(6, 2))
    assert measure(real, synthetic, 50) == measure(real, synthetic, 5)


def test_no_neighbours_are_refused():
    with pytest.raises(ValueError, match="neighbours"):
        Neighbourhoods(np.zeros((2, 2)), np.zeros((2, 2)), 0)
