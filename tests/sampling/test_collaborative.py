"""Mean matching and determinantal diversity."""

import pytest
import torch

from mgd3_kedro.records import DenoisingStep
from mgd3_kedro.sampling.guidance.context import GuidanceContext, group_by_class
from mgd3_kedro.sampling.guidance.determinantal import turn_apart, turn_away
from mgd3_kedro.sampling.guidance.mean_matching import match_mean
from mgd3_kedro.sampling.guidance.needs import FactRequest, find_mean


@pytest.fixture
def act(make_classes):
    """Return what a drift of scale 0.5 and a pull of 2 adds to clean samples."""

    def of(drift, clean, means, labels=None):
        class_rows = group_by_class(make_classes(labels or [0] * len(clean)), torch.device("cpu"))
        pull = torch.full_like(clean, 2)
        step = DenoisingStep(torch.zeros_like(clean), pull, clean, pull, 1.0, 0.5, 0, clean)
        facts = tuple({"mean": mean} for mean in means)
        return drift(step, 0.5, GuidanceContext(clean, class_rows, {}, {}, facts))

    return of


def test_the_mean_of_a_class_is_that_of_its_real_latents():
    real = torch.randn(20, 2, 3, 3)
    assert torch.allclose(
        find_mean(real, FactRequest(2, 0, {}, {}))["mean"], real.mean(0), atol=1e-6
    )


def test_mean_matching_moves_all_images_of_a_class_by_as_much(act):
    clean, mean = torch.randn(4, 2, 3, 3), torch.randn(2, 3, 3)
    moved = act(match_mean, clean, [mean])
    assert torch.equal(moved, moved[:1].expand_as(moved))
    assert torch.allclose((clean + moved).mean(0), mean, atol=1e-6)


def test_mean_matching_pulls_one_image_to_the_mean_and_leaves_those_that_match(act):
    clean, mean = torch.randn(4, 2, 3, 3), torch.randn(2, 3, 3)
    assert torch.allclose(clean[:1] + act(match_mean, clean[:1], [mean]), mean[None], atol=1e-6)
    matching = clean - clean.mean(0) + mean
    assert act(match_mean, matching, [mean]).abs().max() < 1e-6


@pytest.mark.parametrize("drift", [match_mean, turn_apart])
def test_every_class_has_its_own_mean(drift, act):
    clean, means = torch.randn(5, 2, 3, 3), torch.randn(2, 2, 3, 3)
    both = act(drift, clean, means, labels=[0, 1, 0, 1, 1])
    for mean, rows in zip(means, ([0, 2], [1, 3, 4]), strict=True):
        assert torch.allclose(both[rows], act(drift, clean[rows], [mean]), atol=1e-6)


def test_the_turn_is_the_gradient_of_the_determinant_of_cosines():
    away = torch.randn(4, 30).double().requires_grad_()
    directions = away / away.norm(dim=1, keepdim=True)
    matrix = directions @ directions.T + 1e-3 * torch.eye(4).double()
    (gradient,) = torch.autograd.grad(torch.logdet(matrix), away)
    lengths = away.detach().norm(dim=1, keepdim=True)
    longest = (torch.linalg.inv(matrix) @ directions).norm(dim=1, keepdim=True).clamp_min(1)
    expected = lengths**2 / 2 * gradient / longest
    assert torch.allclose(turn_away(away.detach()), expected.detach(), atol=1e-9)


def test_two_images_turn_along_what_they_do_not_share():
    cosine = 0.6
    away = torch.tensor([[1.0, 0.0], [cosine, 0.8]]).double()
    turned = turn_away(away, ridge=0.0)[0]
    across = -cosine * (away[1] - cosine * away[0]) / (1 - cosine**2)
    longest = (away[0] - cosine * away[1]).norm() / (1 - cosine**2)
    assert torch.allclose(turned, across / longest.clamp_min(1), atol=1e-6)


def test_orthogonal_images_and_one_alone_are_left(act):
    assert turn_away(torch.eye(3, 8).double() * torch.tensor([[1.0], [2], [3]])).abs().max() < 1e-12
    clean = torch.randn(1, 2, 3, 3)
    assert act(turn_apart, clean, [torch.zeros(2, 3, 3)]).abs().max() < 1e-6


def test_a_turn_is_across_an_image_no_longer_than_it_and_lowers_cosines():
    away = torch.randn(6, 20).double() + 1
    turned = turn_away(away)
    assert (turned * away).sum(1).abs().max() < 1e-9
    assert (turned.norm(dim=1) <= away.norm(dim=1)).all()

    def determinant(points):
        directions = points / points.norm(dim=1, keepdim=True)
        return torch.logdet(directions @ directions.T)

    assert determinant(away + 0.01 * turned) > determinant(away)


def test_equal_images_stay_finite_and_so_does_one_at_the_mean():
    away = torch.randn(1, 5).double().repeat(3, 1)
    away[2] = 0
    turned = turn_away(away)
    assert turned.isfinite().all()
    assert (turned[2] == 0).all()


def test_what_images_share_with_the_mean_of_the_class_does_not_turn_them(act):
    mean = torch.full((2, 3, 3), 10.0)
    clean = mean + torch.eye(18)[:3].view(3, 2, 3, 3)
    assert act(turn_apart, clean, [mean]).abs().max() < 1e-6
    assert act(turn_apart, clean, [torch.zeros(2, 3, 3)]).abs().max() > 0.01
