import math

import numpy as np
import pytest
import torch

from mgd3_kedro.records import DenoisingStep
from mgd3_kedro.sampling.guidance.context import GuidanceContext, group_by_class
from mgd3_kedro.sampling.guidance.repulsion import push_apart, repel_mates


def bandwidth_of(points):
    """Return median^2 / log n of the pairs of points (n, D), the lower of two medians."""
    pairs = sorted(
        math.dist(one, other) for row, one in enumerate(points) for other in points[row + 1 :]
    )
    return pairs[(len(pairs) - 1) // 2] ** 2 / math.log(len(points))


@pytest.mark.parametrize("count", [2, 3, 5, 8, 30])
def test_the_push_climbs_down_the_sum_of_kernels(count):
    samples = torch.randn(count, 2, 3, 3, dtype=torch.float64)
    bandwidth = bandwidth_of(samples.flatten(1).tolist())
    moved = samples.clone().requires_grad_()
    squares = (moved[:, None] - moved[None]).flatten(2).square().sum(2)
    torch.exp(-squares / bandwidth).triu(1).sum().backward()
    assert torch.allclose(push_apart(samples), -bandwidth / 2 * moved.grad, atol=1e-10)


def test_two_samples_are_pushed_by_half_their_difference():
    one, other = torch.randn(2, 2, 3, 3)
    pushes = push_apart(torch.stack([one, other]))
    assert torch.allclose(pushes[0], (one - other) / 2, atol=1e-6)
    assert torch.allclose(pushes[1], (other - one) / 2, atol=1e-6)


def test_pushes_are_mutual():
    assert push_apart(torch.randn(9, 4, 8, 8)).sum(0).abs().max() < 1e-4


@pytest.mark.parametrize("size", [2, 8, 32])
def test_a_push_is_as_long_as_samples_are_far_apart_whatever_their_size(size):
    samples = torch.randn(10, 4, size, size)
    share = push_apart(samples).flatten(1).norm(dim=1) / samples.flatten(1).norm(dim=1)
    assert ((share > 0.3) & (share < 3)).all()


def test_samples_of_many_bandwidths_away_neither_push_nor_are_pushed():
    line = torch.tensor([0.0, 1.0, 2.0, 3.0, 1000.0]).view(5, 1, 1, 1)
    near, far = push_apart(line)[:4].flatten(), push_apart(line)[4]
    assert far.abs() < 1e-3
    assert near[0] < near[1] < 0 < near[2] < near[3]
    assert torch.allclose(near, -near.flip(0), atol=1e-3)


def test_a_sample_without_others_is_not_pushed():
    assert (push_apart(torch.randn(1, 4, 8, 8)) == 0).all()


def test_equal_samples_are_not_pushed_and_stay_finite():
    assert (push_apart(torch.ones(4, 2, 3, 3)) == 0).all()
    twins = torch.randn(2, 2, 3, 3)[[0, 0, 1]]
    pushes = push_apart(twins)
    assert pushes.isfinite().all()
    assert torch.allclose(pushes[0], pushes[1])


def test_only_samples_of_a_class_push_each_other(make_classes):
    classes = make_classes([0, 1, 0, 2, 1, 0])
    clean, pull = torch.randn(6, 2, 3, 3), torch.rand(6, 2, 3, 3)
    step = DenoisingStep(torch.zeros_like(clean), torch.ones(()), clean, pull, 1.0, 0.5, 0, clean)
    context = GuidanceContext(clean, group_by_class(classes, torch.device("cpu")), {}, {})
    drift = repel_mates(step, 0.3, context)
    for rows in ([0, 2, 5], [1, 4], [3]):
        assert torch.allclose(drift[rows], 0.3 * pull[rows] * push_apart(clean[rows]), atol=1e-6)


def test_mates_are_grouped_by_class_in_order(make_classes):
    groups = group_by_class(make_classes([4, 1, 4, 4, 1, 0]), torch.device("cpu"))
    assert [rows.tolist() for rows in groups] == [[0, 2, 3], [1, 4], [5]]
    assert np.concatenate(groups).dtype == np.int64
