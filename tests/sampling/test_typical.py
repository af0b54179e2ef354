"""Images that are steered to real ones as the network sees both."""

from contextlib import nullcontext

import pytest
import torch

from mgd3_kedro.backbones.schedule import respaced_schedule
from mgd3_kedro.records import DenoisingStep
from mgd3_kedro.sampling import denoise, image_generator
from mgd3_kedro.sampling.guidance.compared import find_compared
from mgd3_kedro.sampling.guidance.context import GuidanceContext, group_by_class
from mgd3_kedro.sampling.guidance.needs import FactRequest
from mgd3_kedro.sampling.guidance.network import NetworkAccess, open_network
from mgd3_kedro.sampling.guidance.typical import (
    bring_to_unit,
    find_own,
    find_slopes,
    pull_in_features,
    real_features,
)

CPU = torch.device("cpu")
OPTIONS = {"dap_of": "class", "dap_real": 64, "dap_depth": 0.5}
INDEX = 3


class Plain:
    """A network that sees latents as they are, with their class added."""

    timesteps = (0, 200, 400, 600, 800)

    def features(self, index, latents, conditions, depth):
        return latents.flatten(1) + conditions[:, None]

    def as_precise(self):
        return nullcontext()

    def add_noise(self, latents, noise, index):
        return respaced_schedule(5).add_noise(latents, noise, index)


def asked(modes, assignment, **options):
    return FactRequest(len(modes), 0, OPTIONS | options, {"modes": modes, "assignment": assignment})


def facts_of(real, modes=1, **options):
    return find_compared(real, asked(real[:modes], torch.arange(len(real)) % modes, **options))


@pytest.fixture
def push(make_classes):
    """Return what the drift of scale 0.5 and a pull of 2 adds to noisy samples."""

    def of(noisy, facts, backbone=None, labels=None, modes=None, index=INDEX):
        classes = make_classes(labels or [0] * len(noisy))
        backbone = backbone or Plain()
        conditions = torch.zeros(len(noisy))
        if hasattr(backbone, "conditions"):
            conditions = backbone.conditions(classes)
        pull = torch.full_like(noisy, 2)
        step = DenoisingStep(noisy, pull, noisy, pull, 1.0, 0.5, index, noisy)
        facts = (facts,) if isinstance(facts, dict) else facts
        modes = noisy if modes is None else modes
        network = NetworkAccess(backbone, conditions)
        context = GuidanceContext(modes, group_by_class(classes, CPU), {}, OPTIONS, facts, network)
        return pull_in_features(step, 0.5, context)

    return of


def energy(backbone, noisy, facts, conditions):
    """Return the mean distance of each sample from the real latents of its class, (n,)."""
    network = NetworkAccess(backbone, conditions)
    with torch.no_grad():
        real = real_features(INDEX, network, torch.tensor([0]), facts, 0.5)
        return torch.cdist(backbone.features(INDEX, noisy, conditions, 0.5), real).mean(1)


def test_an_image_that_is_the_only_real_one_is_left(push):
    facts = facts_of(torch.randn(1, 2, 3, 3))
    noisy = Plain().add_noise(facts["compared"], facts["compared_noise"], INDEX)
    assert (push(noisy, facts) == 0).all()


def test_the_same_of_a_network(push, make_dit):
    facts = facts_of(torch.randn(1, 4, 8, 8))
    backbone = make_dit(num_inference_steps=5)
    noisy = backbone.add_noise(facts["compared"], facts["compared_noise"], INDEX)
    assert (push(noisy, facts, backbone) == 0).all()


def test_an_image_far_away_is_pulled_to_the_mean_of_the_noised_real_ones(push):
    real, noisy = torch.randn(30, 2, 3, 3), 1e4 * torch.randn(4, 2, 3, 3)
    facts = facts_of(real)
    mean = Plain().add_noise(facts["compared"], facts["compared_noise"], INDEX).mean(0)
    moved = push(noisy, facts)
    assert torch.allclose(moved, 0.5 * 2 * bring_to_unit(mean - noisy), atol=1e-3)


def test_slopes_are_the_gradient_of_the_mean_distance():
    points, real = torch.randn(4, 6).double().requires_grad_(), torch.randn(9, 6).double()
    shares = torch.rand(4, 9).double()
    (gradient,) = torch.autograd.grad((shares * torch.cdist(points, real)).sum(), points)
    assert torch.allclose(find_slopes(points.detach(), real, shares), gradient, atol=1e-6)


def test_the_pull_of_every_image_has_a_mean_square_of_the_scale_and_the_pull_of_the_step(push):
    noisy = torch.randn(5, 2, 3, 3) * torch.tensor([1e-3, 1, 10, 1e3, 1e5]).view(5, 1, 1, 1)
    moved = push(noisy, facts_of(torch.randn(8, 2, 3, 3)))
    assert torch.allclose(moved.square().mean((1, 2, 3)), torch.ones(5))


def test_values_brought_to_unit_stay_finite_whatever_their_size():
    values = torch.stack([torch.zeros(2, 2), torch.full((2, 2), 1e-30), torch.full((2, 2), -1e30)])
    expected = torch.tensor([0.0, 1, -1]).view(3, 1, 1).expand(3, 2, 2)
    assert torch.allclose(bring_to_unit(values), expected)


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_a_small_step_lowers_the_distance_as_a_network_sees_it(
    precision, push, make_dit, make_classes
):
    backbone = make_dit(num_inference_steps=5, precision=precision)
    facts, noisy = facts_of(torch.randn(12, 4, 8, 8)), torch.randn(6, 4, 8, 8)
    moved = push(noisy, facts, backbone)
    exact = make_dit(num_inference_steps=5)
    conditions = exact.conditions(make_classes([0] * 6))
    before, after, beyond = (
        energy(exact, noisy + share * moved, facts, conditions) for share in (0, 0.05, -0.05)
    )
    assert moved.dtype == torch.float32
    assert (after < before).all()
    assert (before < beyond).all()


def test_the_order_of_the_real_latents_does_not_count(push, make_dit):
    backbone, facts = make_dit(num_inference_steps=5), facts_of(torch.randn(40, 4, 8, 8))
    order = torch.randperm(40)
    real = {name: facts[name][order] for name in ("compared", "compared_noise")}
    noisy = torch.randn(3, 4, 8, 8)
    other = push(noisy, facts | real | {"shares": facts["shares"][:, order]}, backbone)
    assert torch.allclose(push(noisy, facts, backbone), other, atol=1e-5)


def test_an_image_does_not_depend_on_its_batch(push, make_dit):
    backbone = make_dit(num_inference_steps=5)
    facts = facts_of(torch.randn(20, 4, 8, 8)), facts_of(torch.randn(9, 4, 8, 8))
    noisy, labels = torch.randn(19, 4, 8, 8), [0, 1, 1] * 6 + [0]
    together = push(noisy, facts, backbone, labels)
    for row in (0, 1, 18):
        own = facts[labels[row]]
        alone = push(noisy[row : row + 1], own, backbone, labels[row : row + 1])
        assert torch.equal(alone[0], together[row])


def test_no_parameter_has_a_gradient_after_it_and_latents_are_left(push, make_dit):
    backbone = make_dit(num_inference_steps=5)
    backbone.denoiser.transformer.requires_grad_(True)
    noisy = torch.randn(2, 4, 8, 8)
    with torch.no_grad():
        moved = push(noisy, facts_of(torch.randn(5, 4, 8, 8)), backbone)
    assert not moved.requires_grad
    assert not noisy.requires_grad
    assert all(one.grad is None for one in backbone.denoiser.transformer.parameters())


def test_real_latents_are_seen_once_for_all_images_of_a_class_and_not_of_no_class(
    push, make_dit, monkeypatch
):
    backbone, seen = make_dit(num_inference_steps=5), []
    ask = type(backbone).features

    def count(self, index, latents, conditions, depth):
        seen.append((len(latents), sorted({*conditions.tolist()}), depth))
        return ask(self, index, latents, conditions, depth)

    monkeypatch.setattr(type(backbone), "features", count)
    facts = facts_of(torch.randn(40, 4, 8, 8)), facts_of(torch.randn(3, 4, 8, 8))
    push(torch.randn(6, 4, 8, 8), facts, backbone, [4, 2, 4, 4, 2, 4])
    assert seen == [(6, [2, 4], 0.5), (32, [4], 0.5), (8, [4], 0.5), (3, [2], 0.5)]


def test_images_are_compared_with_members_of_their_own_mode(push):
    real = torch.cat([torch.zeros(5, 1, 2, 2), torch.full((5, 1, 2, 2), 90.0)])
    modes, members = torch.tensor([0.0, 90]).view(2, 1, 1, 1).expand(2, 1, 2, 2), [0] * 5 + [1] * 5
    facts = find_compared(real, asked(modes, torch.tensor(members), dap_of="mode"))
    facts["compared_noise"].zero_()
    noisy = torch.full((3, 1, 2, 2), 2.0)
    moved = push(noisy, facts, modes=modes[[1, 0, 1]])
    assert torch.allclose(moved, torch.tensor([1.0, -1, 1]).view(3, 1, 1, 1).expand(3, 1, 2, 2))


def test_the_own_mode_is_found_among_those_that_are_near():
    modes = 100 + 1e-3 * torch.randn(40, 2, 3, 3)
    assert find_own(modes[[7, 31, 7]], modes).tolist() == [7, 31, 7]


def test_so_many_latents_of_the_class_are_compared_with_and_count_alike():
    real = torch.randn(100, 1, 2, 2)
    facts = facts_of(real, modes=3)
    assert facts["compared"].shape == facts["compared_noise"].shape == (64, 1, 2, 2)
    assert torch.allclose(facts["shares"], torch.full((3, 64), 1 / 64))
    whole = {tuple(each) for each in real.flatten(1).tolist()}
    taken = {tuple(each) for each in facts["compared"].flatten(1).tolist()}
    assert len(taken) == 64
    assert taken < whole
    assert len(facts_of(real[:10], modes=3)["compared"]) == 10


def test_so_many_latents_of_each_mode_are_compared_with():
    real = torch.arange(100.0).view(100, 1, 1, 1).expand(100, 1, 2, 2)
    assignment = torch.tensor([0] * 50 + [1] * 30 + [2] * 3 + [-1] * 17)
    modes = torch.zeros(4, 1, 2, 2)
    facts = find_compared(real, asked(modes, assignment, dap_of="mode", dap_real=10))
    values = facts["compared"][:, 0, 0, 0]
    of_modes = [values[shares > 0] for shares in facts["shares"]]
    assert [len(of_mode) for of_mode in of_modes] == [10, 10, 3, 10]
    for of_mode, (low, high) in zip(of_modes, [(0, 50), (50, 80), (80, 83), (0, 100)], strict=True):
        assert ((low <= of_mode) & (of_mode < high)).all()
    assert torch.allclose(facts["shares"].sum(1), torch.ones(4))
    # A mode without members stands for its class.
    assert len({int(assignment[int(value)]) for value in of_modes[3]}) > 1


def test_what_is_compared_with_is_a_function_of_the_class_and_the_seed():
    real, found = torch.randn(100, 1, 2, 2), torch.zeros(1, 1, 2, 2)
    given = {"modes": found, "assignment": torch.zeros(100, dtype=torch.int64)}
    first, again, other = (
        find_compared(real, FactRequest(1, seed, OPTIONS, given)) for seed in (0, 0, 1)
    )
    for name, values in first.items():
        assert torch.equal(values, again[name])
    for name in ("compared", "compared_noise"):
        assert not torch.equal(first[name], other[name])


def test_a_drift_looks_at_the_latents_a_step_starts_from(make_dit, make_classes):
    backbone, latents = make_dit(num_inference_steps=5), torch.randn(2, 4, 8, 8)
    for index in (4, 0):
        step = backbone.step(index, latents, backbone.conditions(make_classes([0, 1])))
        assert step.index == index
        assert torch.equal(step.noisy, latents)


def test_a_backbone_that_cannot_be_asked_is_refused_before_the_first_step(
    standing_still, make_sampling, make_classes
):
    (spec,) = make_classes([0])
    facts = {spec: facts_of(torch.randn(5, 1, 2, 2))}
    given = standing_still, torch.ones(1, 1, 2, 2), [spec]
    generators = [image_generator(0, 0, 0)]
    message = "^dap_scale: expected a backbone whose network .*, got StandingStill; set dap_scale=0"
    with pytest.raises(ValueError, match=message):
        denoise(*given, make_sampling(dap_scale=0.1), generators, facts=facts)
    assert standing_still.visited == []
    assert denoise(*given, make_sampling(), generators).isfinite().all()


def test_the_network_is_open_only_to_drifts_that_look_through_it(make_dit, make_sampling):
    backbone, conditions = make_dit(), torch.zeros(1)
    assert (
        open_network(backbone, conditions, make_sampling(repulsion_scale=1).needing_network) is None
    )
    network = open_network(backbone, conditions, make_sampling(dap_scale=1).needing_network)
    assert network == NetworkAccess(backbone, conditions)


def test_a_drift_without_sight_is_refused(make_classes):
    clean = torch.zeros(1, 1, 2, 2)
    step = DenoisingStep(clean, clean, clean, clean, 1.0, 0.5, 0, clean)
    context = GuidanceContext(clean, group_by_class(make_classes([0]), CPU), {}, OPTIONS)
    with pytest.raises(ValueError, match=r"^network: expected a network that gives features"):
        pull_in_features(step, 1.0, context)
