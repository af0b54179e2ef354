"""How strongly the pull towards modes acts at a step."""

import pytest
import torch

from mgd3_kedro.backbones.ancestral import ancestral_step
from mgd3_kedro.backbones.schedule import respaced_schedule
from mgd3_kedro.sampling import denoise, gather_facts, image_generator
from mgd3_kedro.sampling.guidance import GuidanceContext
from mgd3_kedro.sampling.guidance.drifts import DRIFTS
from mgd3_kedro.sampling.guidance.gains import GAINS, find_within
from mgd3_kedro.sampling.guidance.needs import FactRequest

SCHEDULE = respaced_schedule(50)
DEFAULTS = {name: one.default for name, one in DRIFTS["mode_guidance_scale"].options.items()}


def step_at(index, latents):
    return ancestral_step(SCHEDULE, index, latents, torch.zeros_like(latents))


def context_of(modes, gain, *within):
    """Return what is known of samples, as many of each class as there are variances."""
    class_rows = torch.arange(len(modes)).split(len(modes) // max(len(within), 1))
    facts = tuple({"within": torch.tensor(one)} for one in within)
    return GuidanceContext(modes, class_rows, {}, {**DEFAULTS, "mode_guidance_gain": gain}, facts)


def pull_by(gain, index, scale, *within):
    """Return the step of two samples, their modes, and the drift."""
    latents, modes = torch.randn(2, 2, 4, 8, 8)
    step = step_at(index, latents)
    context = context_of(modes, gain, *within)
    return step, modes, DRIFTS["mode_guidance_scale"].push(step, scale, context)


@pytest.mark.parametrize("index", [1, 26, 49])
def test_a_constant_gain_is_lambda_times_the_deviation_to_the_bit(index):
    step, modes, drift = pull_by("constant", index, 0.1)
    assert torch.equal(drift, 0.1 * step.pull * (modes - step.pred_original_sample))


@pytest.mark.parametrize(("index", "moved"), [(49, 0.00171), (35, 0.01504), (26, 0.03486)])
def test_the_gain_of_a_gaussian_is_that_of_its_posterior_mean(index, moved):
    step, modes, drift = pull_by("gauss", index, 1.0, 0.5)
    way = modes - step.pred_original_sample
    assert torch.allclose(drift / way, torch.tensor(moved), atol=5e-6)


def test_a_gaussian_expects_the_mean_of_noisy_and_mode_by_their_variances():
    step, modes, drift = pull_by("gauss", 30, 1.0, 0.3)
    clean, noise = step.pred_original_sample, 1 - step.alpha_bar
    expected = (clean / noise + modes / 0.3) / (1 / noise + 1 / 0.3)
    assert torch.allclose(drift / step.clean_weight, expected - clean, atol=1e-4)


def test_each_class_has_its_own_variance():
    step, modes, drift = pull_by("gauss", 30, 2.0, 0.3, 1.2)
    noise = 1 - step.alpha_bar
    factor = 2 * step.clean_weight * noise / (noise + torch.tensor([0.3, 1.2]))
    way = modes - step.pred_original_sample
    assert torch.allclose(drift, factor[:, None, None, None] * way, atol=1e-5)


@pytest.mark.parametrize(("index", "bounded"), [(49, True), (20, False), (5, False)])
def test_the_gain_of_noise_is_its_share_and_no_more_than_the_whole_way(index, bounded):
    step, modes, drift = pull_by("sigma", index, 0.25)
    sigma = ((1 - SCHEDULE.alpha_cumprod(index)) / SCHEDULE.alpha_cumprod(index)) ** 0.5
    share = drift / step.clean_weight / (modes - step.pred_original_sample)
    assert (0.25 * sigma > 1) == bounded
    assert torch.allclose(share, torch.tensor(min(1.0, 0.25 * sigma)), atol=1e-5)


@pytest.mark.parametrize("gain", GAINS)
def test_a_sample_at_its_mode_stays_and_a_grid_leaves_detail(gain):
    latents = torch.randn(2, 4, 8, 8)
    step = step_at(30, latents)
    context = context_of(step.pred_original_sample, gain, 0.5)
    push = DRIFTS["mode_guidance_scale"].push
    assert (push(step, 0.5, context) == 0).all()
    modes = step.pred_original_sample + torch.randn(2, 4, 1, 1)
    pooled = context_of(modes, gain, 0.5)
    pooled = GuidanceContext(
        modes, pooled.class_rows, {}, {**pooled.options, "pull_pool": 1}, pooled.facts
    )
    whole = push(step, 0.5, context_of(modes, gain, 0.5))
    assert torch.allclose(push(step, 0.5, pooled), whole, atol=1e-5)


def test_the_variance_within_is_that_around_modes_of_latents_that_have_one():
    modes = 10 * torch.randn(3, 2, 2, 2)
    owners = torch.arange(3).repeat(2000)
    real = modes[owners] + 0.7 * torch.randn(6000, 2, 2, 2)
    real = torch.cat([real, torch.full((5, 2, 2, 2), 99.0)])
    assignment = torch.cat([owners, torch.full((5,), -1)])
    asked = FactRequest(3, 0, {}, {"modes": modes, "assignment": assignment})
    assert find_within(real, asked)["within"] == pytest.approx(0.49, rel=0.03)


def test_a_class_that_shows_no_variance_has_that_of_scaled_latents():
    modes = torch.randn(3, 2, 2, 2)
    asked = FactRequest(3, 0, {}, {"modes": modes, "assignment": torch.arange(3)})
    assert find_within(modes, asked)["within"] == 1
    four = torch.cat([modes, modes[:1] + 2])
    asked = FactRequest(3, 0, {}, {"modes": modes, "assignment": torch.tensor([0, 1, 2, 0])})
    # One latent is 2 away in each dimension, and one of four is free.
    assert find_within(four, asked)["within"] == pytest.approx(4)


def test_facts_are_found_only_where_the_gain_that_is_on_needs_them(make_sampling):
    assert make_sampling().needs == make_sampling(mode_guidance_gain="sigma").needs == ()
    gauss = make_sampling(mode_guidance_gain="gauss")
    assert gauss.needs == (find_within,)
    assert make_sampling(mode_guidance_gain="gauss", mode_guidance_scale=0).needs == ()
    assert gauss.plain().needs == ()
    assert make_sampling(mode_guidance_gain="constant") == make_sampling()


@pytest.mark.parametrize("gain", GAINS)
def test_images_are_drawn_with_every_gain(gain, make_sampling, make_classes, make_dit):
    classes = make_classes([0, 0, 1])
    real = torch.randn(12, 4, 8, 8)
    found = {"modes": real[:3], "assignment": torch.arange(12) % 3}
    config = make_sampling(mode_guidance_gain=gain, stop_guidance_step=2)
    facts = {spec: gather_facts(real, found, 0, config) for spec in classes}
    generators = [image_generator(0, 0, image) for image in range(3)]
    backbone = make_dit(num_inference_steps=5)
    latents = denoise(backbone, real[:3], classes, config, generators, facts=facts)
    assert latents.isfinite().all()


@pytest.mark.parametrize("value", ["gaus", None, 0.1])
def test_an_unknown_gain_is_refused(value, make_sampling):
    with pytest.raises(ValueError, match=r"^mode_guidance_gain: expected .*sigma"):
        make_sampling(mode_guidance_gain=value)
