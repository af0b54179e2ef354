import math

import numpy as np
import pytest

from mgd3_kedro.metrics import METRICS, Neighbourhoods


def measured(name, real, synthetic):
    return METRICS[name](Neighbourhoods(np.asarray(real), np.asarray(synthetic)))


def test_the_norm_is_told_beside_that_of_real_samples():
    assert measured("norm_ratio", [[3.0, 4], [0, 5]], [[0.0, 2], [4, 0]]) == pytest.approx(3 / 5)
    assert math.isnan(measured("norm_ratio", [[0.0, 0]], [[1.0, 0]]))


def test_the_distance_of_pairs_is_their_root_mean_square():
    real, synthetic = np.random.default_rng(0).normal(size=(2, 9, 4))
    far = [
        np.sqrt(np.mean([np.square(a - b).sum() for i, a in enumerate(of) for b in of[:i]]))
        for of in (3 * synthetic, real)
    ]
    assert measured("pairwise_ratio", real, 3 * synthetic) == pytest.approx(far[0] / far[1])
    assert math.isnan(measured("pairwise_ratio", real, synthetic[:1]))
