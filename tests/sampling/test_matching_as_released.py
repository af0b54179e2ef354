import math

import pytest
import torch

from mgd3_kedro.records import DenoisingStep
from mgd3_kedro.sampling.guidance.context import GuidanceContext, group_by_class
from mgd3_kedro.sampling.guidance.matching_as_released import cost_on_the_sphere, match_as_released

MASS = torch.tensor([0.5, 0.3, 0.2]).double()


@pytest.fixture
def support():
    return torch.randn(3, 2, 3, 3).double()


@pytest.fixture
def push(support, make_classes):
    """Return the push of rho 0.5 on the one image that is drawn, where others are finished."""

    def of(clean, finished):
        class_rows = group_by_class(make_classes([0]), torch.device("cpu"))
        std = torch.full_like(clean, 2)
        step = DenoisingStep(torch.zeros_like(clean), std, clean, std, 1.0, 0.25, 0, clean)
        facts = {"support": support, "mass": MASS, "finished": finished}
        return match_as_released(step, 0.5, GuidanceContext(clean, class_rows, {}, {}, (facts,)))

    return of


def test_the_cost_is_that_of_the_scalings_done_one_by_one(support):
    points = torch.randn(4, 18).double()
    plan, distances = [[0.0] * 3 for _ in range(4)], [[0.0] * 3 for _ in range(4)]
    for i, point in enumerate(points):
        for j, other in enumerate(support.flatten(1)):
            distances[i][j] = float((point / point.norm() - other / other.norm()).norm())
            plan[i][j] = math.exp(-distances[i][j] / 0.1)
    for _ in range(5):
        for i in range(4):
            total = sum(plan[i])
            plan[i] = [value / total / 4 for value in plan[i]]
        for j in range(3):
            total = sum(row[j] for row in plan)
            for row in plan:
                row[j] *= float(MASS[j]) / total
    expected = sum(plan[i][j] * distances[i][j] for i in range(4) for j in range(3))
    assert float(cost_on_the_sphere(points, support.flatten(1), MASS)) == pytest.approx(expected)


def test_the_push_is_down_the_cost_by_finite_differences(push, support):
    clean, finished = torch.randn(1, 2, 3, 3).double(), torch.randn(2, 2, 3, 3).double()
    way, small = torch.randn(1, 2, 3, 3).double(), 1e-6

    def cost(own):
        points = torch.cat([finished, own]).flatten(1)
        return cost_on_the_sphere(points, support.flatten(1), MASS)

    slope = (cost(clean + small * way) - cost(clean - small * way)) / (2 * small)
    # Rho .5, a step's noise of 2, and 1 / sqrt(.25).
    expected = -0.5 * 2 * 2 * slope
    assert torch.allclose((push(clean, finished) * way).sum(), expected, rtol=1e-5)


def test_finished_images_are_counted(push):
    clean, finished = torch.randn(1, 2, 3, 3).double(), torch.randn(3, 2, 3, 3).double()
    alone, after = push(clean, finished[:0]), push(clean, finished)
    assert not torch.allclose(alone, after)
    assert after.norm() < alone.norm()


def test_it_leaves_no_graph_behind_and_weakens_with_the_size_of_latents(push):
    clean = torch.randn(1, 2, 3, 3).double()
    with torch.no_grad():
        drift = push(clean, clean[:0])
    assert not drift.requires_grad
    assert torch.allclose(push(10 * clean, clean[:0]), drift / 10)
