import pytest
import torch
from scipy.optimize import linear_sum_assignment

from mgd3_kedro.backbones.mixture import GaussianMixtureBackbone
from mgd3_kedro.backbones.samplers import SAMPLERS
from mgd3_kedro.backbones.schedule import respaced_schedule
from mgd3_kedro.records import DenoisingStep
from mgd3_kedro.sampling import SamplingConfig, denoise, image_generator
from mgd3_kedro.sampling.guidance.context import GuidanceContext, group_by_class
from mgd3_kedro.sampling.guidance.needs import FactRequest
from mgd3_kedro.sampling.guidance.pull import pull_towards_modes
from mgd3_kedro.sampling.guidance.support import find_support
from mgd3_kedro.sampling.guidance.transport import (
    find_barycentres,
    plan_transport,
    pull_by_transport,
)

LINE, ENDS = torch.tensor([[0.0], [1.0]]).double(), torch.tensor([[-1.0], [2.0]]).double()
MASS = torch.tensor([0.75, 0.25]).double()
OPTIONS = {"transport_entropy": 0.05, "transport_debiased": True}


def facts_of(support, mass=None, variance=1.0):
    """Return the facts of a class with this support (J, C, H, W)."""
    even = torch.full((len(support),), 1 / len(support))
    return {
        "support": support,
        "mass": even if mass is None else mass,
        "variance": torch.tensor(variance),
    }


@pytest.fixture
def pull(make_classes):
    """Return the pull of scale 1 on clean samples of a class."""

    def of(clean, facts, labels=None, **options):
        classes = make_classes(labels or [0] * len(clean))
        class_rows = group_by_class(classes, torch.device("cpu"))
        ones = torch.ones_like(clean)
        step = DenoisingStep(torch.zeros_like(clean), ones, clean, ones, 1.0, 0.5, 0, clean)
        context = GuidanceContext(
            clean, class_rows, {}, OPTIONS | options, (facts,) * len(class_rows)
        )
        return pull_by_transport(step, 1.0, context)

    return of


@pytest.mark.parametrize(("entropy", "targets"), [(0.05, [-1.0, 0.5]), (50.0, [-0.2669, -0.2331])])
def test_two_points_are_transported_as_worked_out_by_hand(entropy, targets):
    found = find_barycentres(LINE, ENDS, MASS, entropy)
    assert torch.allclose(found[:, 0], torch.tensor(targets).double(), atol=5e-5)


def test_the_plan_of_two_points_is_that_worked_out_by_hand():
    cost = (LINE - ENDS.T).square() / 2
    plan = plan_transport(cost, torch.full((2,), 0.5).double(), MASS, 0.05)
    expected = torch.tensor([[0.5, 0.0], [0.25, 0.25]]).double()
    assert torch.allclose(plan, expected, atol=1e-6)


def test_what_leaves_and_what_arrives_is_as_much_as_there_is():
    cost = torch.rand(7, 12).double()
    mass = torch.rand(12).double() + 0.1
    mass = mass / mass.sum()
    plan = plan_transport(cost, torch.full((7,), 1 / 7).double(), mass, 0.05)
    assert torch.allclose(plan.sum(1), torch.full((7,), 1 / 7).double(), atol=1e-9)
    assert torch.allclose(plan.sum(0), mass, atol=1e-6)


def test_costs_that_underflow_among_kernels_are_transported():
    far = torch.tensor([[0.0], [1e4]]).double()
    found = find_barycentres(far, far + 1, torch.ones(2).double(), 1e-3)
    assert torch.allclose(found, far + 1)


def test_the_order_of_images_does_not_count(pull):
    clean, facts = torch.randn(5, 2, 3, 3), facts_of(torch.randn(8, 2, 3, 3))
    order = torch.tensor([3, 0, 4, 1, 2])
    assert torch.allclose(pull(clean[order], facts), pull(clean, facts)[order], atol=1e-6)


def test_images_where_the_support_is_stay(pull):
    points = 3 * torch.randn(6, 2, 3, 3)
    still = pull(points, facts_of(points), transport_entropy=1e-3, transport_debiased=False)
    assert still.abs().max() < 1e-5


@pytest.mark.parametrize("entropy", [0.01, 1.0, 100.0])
def test_debiased_images_where_the_support_is_stay_whatever_the_entropy(entropy, pull):
    points = torch.randn(6, 2, 3, 3)
    assert pull(points, facts_of(points), transport_entropy=entropy).abs().max() < 1e-5
    biased = pull(points, facts_of(points), transport_entropy=100.0, transport_debiased=False)
    assert torch.allclose(biased, points.mean(0) - points, atol=0.05)


def test_without_entropy_it_is_mode_guidance_with_modes_dealt_out_at_least_cost(pull):
    modes = 2 * torch.randn(6, 2, 3, 3)
    clean = torch.randn(6, 2, 3, 3)
    cost = torch.cdist(clean.flatten(1), modes.flatten(1)).square()
    _, own = linear_sum_assignment(cost.numpy())
    ones = torch.ones_like(clean)
    step = DenoisingStep(torch.zeros_like(clean), ones, clean, ones, 1.0, 0.5, 0, clean)
    expected = pull_towards_modes(step, modes[own], step.pull)
    options = {"transport_entropy": 1e-3, "transport_debiased": False}
    found = pull(clean, facts_of(modes), **options)
    assert torch.allclose(found, expected, atol=1e-3)


def test_a_support_point_of_more_mass_draws_more_images(pull):
    support = torch.tensor([-10.0, 10.0]).view(2, 1, 1, 1)
    clean = torch.linspace(-1, 1, 4).view(4, 1, 1, 1)
    drawn = pull(clean, facts_of(support, torch.tensor([0.75, 0.25])), transport_debiased=False)
    ends = (clean + drawn).flatten()
    assert torch.allclose(ends, torch.tensor([-10.0, -10.0, -10.0, 10.0]), atol=1e-3)


def test_an_image_alone_is_drawn_to_the_mean_of_the_class(pull):
    support, mass = torch.randn(3, 2, 2, 2), torch.tensor([0.5, 0.3, 0.2])
    mean = (mass.view(3, 1, 1, 1) * support).sum(0)
    clean = torch.randn(1, 2, 2, 2)
    found = pull(clean, facts_of(support, mass))
    assert torch.allclose(found[0], mean - clean[0], atol=1e-5)


def test_variance_is_the_unit_of_entropy(pull):
    clean, support = torch.randn(4, 2, 3, 3), torch.randn(5, 2, 3, 3)
    one = pull(clean, facts_of(support, variance=4.0), transport_entropy=0.1)
    other = pull(clean, facts_of(support), transport_entropy=0.4)
    assert torch.allclose(one, other, atol=1e-6)


def test_classes_are_transported_apart(pull):
    clean, facts = torch.randn(5, 2, 3, 3), facts_of(torch.randn(8, 2, 3, 3))
    both = pull(clean, facts, labels=[0, 1, 0, 1, 1])
    for rows in ([0, 2], [1, 3, 4]):
        assert torch.equal(both[rows], pull(clean[rows], facts))


def asked(images=2, support="auto"):
    return FactRequest(images, 0, {"transport_support": support}, {})


@pytest.mark.parametrize(
    ("images", "support", "count"), [(2, "auto", 10), (8, "auto", 16), (8, 3, 3), (8, 99, 40)]
)
def test_a_support_has_as_many_points_as_asked_for_and_all_the_mass(images, support, count):
    real = torch.randn(40, 2, 3, 3)
    found = find_support(real, asked(images, support))
    assert found["support"].shape == (count, 2, 3, 3)
    assert torch.allclose(found["mass"].sum(), torch.tensor(1.0))
    mean = (found["mass"].view(-1, 1, 1, 1) * found["support"]).sum(0)
    assert torch.allclose(mean, real.mean(0), atol=1e-5)


def test_masses_and_variance_are_those_of_clusters():
    centres = torch.tensor([-50.0, 0.0, 70.0]).view(3, 1, 1, 1).expand(3, 2, 4, 4)
    owners = torch.tensor([0] * 60 + [1] * 30 + [2] * 10)
    real = centres[owners] + 0.5 * torch.randn(100, 2, 4, 4)
    found = find_support(real, asked(support=3))
    order = found["support"].mean((1, 2, 3)).argsort()
    assert torch.allclose(found["mass"][order], torch.tensor([0.6, 0.3, 0.1]))
    assert torch.allclose(found["support"][order], centres, atol=0.7)
    assert found["variance"] == pytest.approx(0.25, rel=0.1)


def test_repeated_latents_leave_no_point_without_mass():
    found = find_support(torch.randn(2, 2, 2, 2).repeat(20, 1, 1, 1), asked(support=6))
    assert len(found["support"]) == 2
    assert found["mass"].tolist() == [0.5, 0.5]
    assert found["variance"] == 1.0


def test_a_support_of_all_latents_has_the_variance_of_the_class():
    real = 3 * torch.randn(30, 2, 3, 3)
    found = find_support(real, asked(support=30))
    expected = (real - real.mean(0)).square().mean()
    assert torch.allclose(found["variance"], expected, rtol=1e-4)


@pytest.mark.parametrize(
    ("mass", "expected"), [([1, 1, 1, 1], [50, 50, 50, 50]), ([85, 5, 5, 5], [170, 10, 10, 10])]
)
def test_as_many_samples_of_a_mixture_end_in_a_mode_as_its_mass_says(mass, expected, make_classes):
    means = torch.randn(4, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    schedule = respaced_schedule(50)
    weights = [0.85, 0.05, 0.05, 0.05]
    backbone = GaussianMixtureBackbone(means, weights, 0.25, schedule, SAMPLERS["ddpm"])
    options = {"transport_scale": 0.1, "transport_debiased": False}
    config = SamplingConfig("noise", 0.7, 0, "constant", 25, None, **options)
    classes = make_classes([0] * 200)
    facts = {classes[0]: facts_of(means, torch.tensor(mass) / sum(mass), 0.0625)}
    generators = [image_generator(0, 0, image) for image in range(200)]
    latents = denoise(backbone, torch.zeros(200, 4, 8, 8), classes, config, generators, facts=facts)
    ends = torch.cdist(latents.flatten(1), means.flatten(1)).argmin(1)
    assert torch.bincount(ends, minlength=4).tolist() == pytest.approx(expected, abs=1)
