import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mgd3_kedro.matching.gradients import gradient_distance, gradients_of


@pytest.fixture
def network():
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1),
        nn.GroupNorm(4, 4),
        nn.ReLU(),
        nn.Conv2d(4, 5, 1),
        nn.Flatten(),
        nn.Linear(5 * 16, 3),
    ).double()


@pytest.fixture
def images():
    return torch.randn(6, 3, 4, 4, dtype=torch.float64)


def test_gradients_are_those_of_the_convolutions_by_finite_differences(network, images):
    found = gradients_of(network, images, 2)
    assert [tuple(each.shape) for each in found] == [(4, 3, 3, 3), (5, 4, 1, 1)]
    labels = torch.full((6,), 2)
    for gradient, place, layer in zip(found, [(1, 2, 0, 1), (3, 1, 0, 0)], (0, 3), strict=True):
        ends = []
        for step in (1e-5, -1e-5):
            with torch.no_grad():
                network[layer].weight[place] += step
                ends.append(F.cross_entropy(network(images), labels))
                network[layer].weight[place] -= step
        assert float(gradient[place]) == pytest.approx(float(ends[0] - ends[1]) / 2e-5, rel=1e-5)


def test_identical_batches_are_at_distance_zero(network, images):
    first, second = (gradients_of(network, images, 1) for _ in range(2))
    assert gradient_distance(first, second) == 0
    shuffled = gradients_of(network, images.flip(0), 1)
    assert gradient_distance(first, shuffled) < 1e-12


def test_the_distance_sums_absolute_differences_of_all_layers():
    first = [torch.tensor([[1.0, -2.0], [0.0, 3.0]]), torch.tensor([5.0])]
    second = [torch.tensor([[2.0, 2.0], [0.0, -3.0]]), torch.tensor([4.5])]
    assert gradient_distance(first, second) == 1 + 4 + 0 + 6 + 0.5


def test_other_images_and_other_labels_are_apart(network, images):
    here = gradients_of(network, images, 1)
    assert gradient_distance(here, gradients_of(network, -images, 1)) > 1e-3
    assert gradient_distance(here, gradients_of(network, images, 0)) > 1e-3


def test_the_distance_can_be_differentiated_by_the_images(network, images):
    target = gradients_of(network, torch.randn_like(images), 1)
    shown = images[:1].clone().requires_grad_()

    def distance(values):
        return gradient_distance(target, gradients_of(network, values, 1, differentiable=True))

    assert torch.autograd.gradcheck(distance, (shown,), atol=1e-5)
