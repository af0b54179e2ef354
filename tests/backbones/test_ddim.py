import pytest
import torch
from diffusers import DDIMScheduler

from mgd3_kedro.backbones.ddim import ddim_step
from mgd3_kedro.backbones.schedule import NoiseSchedule, respaced_schedule
from mgd3_kedro.sampling.guidance import pull_towards_modes

SCHEDULE = respaced_schedule(50)
INDICES = [0, 1, 2, 10, 25, 35, 48, 49]


@pytest.mark.parametrize("index", INDICES)
def test_a_step_is_that_of_diffusers(index):
    # diffusers' DDIM assumes equal spacing, so it gets the 50 visited timesteps as its own.
    kept = torch.cat([torch.ones(1, dtype=torch.float64), SCHEDULE.alphas_cumprod])
    scheduler = DDIMScheduler(
        num_train_timesteps=50,
        trained_betas=(1 - kept[1:] / kept[:-1]).tolist(),
        clip_sample=False,
        set_alpha_to_one=True,
    )
    scheduler.set_timesteps(50)
    latents, noise_pred = torch.randn(2, 3, 4, 8, 8)
    expected = scheduler.step(noise_pred, index, latents, eta=0.0)
    step = ddim_step(SCHEDULE, index, latents, noise_pred)
    assert torch.allclose(step.prev_mean, expected.prev_sample, atol=1e-4, rtol=1e-5)
    clean = expected.pred_original_sample
    assert torch.allclose(step.pred_original_sample, clean, atol=1e-4, rtol=1e-4)


def test_a_step_is_that_of_diffusers_with_evenly_spaced_timesteps():
    scheduler = DDIMScheduler(clip_sample=False, set_alpha_to_one=True)
    scheduler.set_timesteps(50)
    timesteps = scheduler.timesteps.flip(0)
    schedule = NoiseSchedule(timesteps, scheduler.alphas_cumprod[timesteps].double())
    latents, noise_pred = torch.randn(2, 3, 4, 8, 8)
    for index in INDICES:
        expected = scheduler.step(noise_pred, timesteps[index], latents, eta=0.0).prev_sample
        step = ddim_step(schedule, index, latents, noise_pred)
        assert torch.allclose(step.prev_mean, expected, atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("index", INDICES)
@pytest.mark.parametrize("scale", [0.1, 0.5, 1.0])
def test_guidance_replaces_the_clean_sample_and_recomputes_the_noise(scale, index):
    latents, noise_pred, modes = torch.randn(3, 2, 4, 8, 8, dtype=torch.float64)
    now, before = SCHEDULE.alpha_cumprod(index), SCHEDULE.alpha_cumprod(index - 1)
    clean = (latents - (1 - now) ** 0.5 * noise_pred) / now**0.5
    clean = clean + scale * (modes - clean)
    noise = (latents - now**0.5 * clean) / (1 - now) ** 0.5
    expected = before**0.5 * clean + (1 - before) ** 0.5 * noise
    step = ddim_step(SCHEDULE, index, latents, noise_pred)
    guided = step.prev_mean + pull_towards_modes(step, modes, scale * step.pull)
    assert torch.allclose(guided, expected, rtol=1e-9, atol=1e-9)


def test_no_noise_is_drawn_and_a_predicted_variance_is_not_used():
    latents, noise_pred, share = torch.randn(3, 2, 4, 8, 8)
    plain = ddim_step(SCHEDULE, 30, latents, noise_pred)
    assert (plain.std == 0).all()
    assert torch.equal(
        plain.prev_mean, ddim_step(SCHEDULE, 30, latents, noise_pred, share).prev_mean
    )


def test_the_last_step_gives_the_clean_sample():
    latents, noise_pred = torch.randn(2, 2, 4, 8, 8)
    step = ddim_step(SCHEDULE, 0, latents, noise_pred)
    assert torch.equal(step.prev_mean, step.pred_original_sample)
    assert step.pull.item() == 1
