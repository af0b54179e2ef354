import pytest
import torch
from diffusers import DDPMScheduler

from mgd3_kedro.backbones.schedule import BETA_SCHEDULES, respaced_schedule


def test_fifty_steps_visit_the_timesteps_of_the_released_sampler():
    timesteps = respaced_schedule(50).timesteps
    assert timesteps.dtype == torch.int64
    assert timesteps[:5].tolist() == [0, 20, 41, 61, 82]
    assert timesteps[-2:].tolist() == [979, 999]


@pytest.mark.parametrize("steps", [2, 3, 7, 25, 50, 100, 250, 1000])
def test_timesteps_are_those_of_linspace_spacing_in_diffusers(steps):
    scheduler = DDPMScheduler(timestep_spacing="linspace")
    scheduler.set_timesteps(steps)
    assert torch.equal(respaced_schedule(steps).timesteps, scheduler.timesteps.flip(0))


@pytest.mark.parametrize("spacing", ["leading", "trailing"])
def test_other_spacings_would_visit_other_timesteps(spacing):
    scheduler = DDPMScheduler(timestep_spacing=spacing)
    scheduler.set_timesteps(50)
    assert not torch.equal(respaced_schedule(50).timesteps, scheduler.timesteps.flip(0))


@pytest.mark.parametrize(
    ("name", "start", "end"), [("linear", 1e-4, 0.02), ("scaled_linear", 0.00085, 0.012)]
)
def test_signal_shares_are_those_of_diffusers(name, start, end):
    scheduler = DDPMScheduler(beta_schedule=name, beta_start=start, beta_end=end)
    schedule = respaced_schedule(50, beta_schedule=name, beta_start=start, beta_end=end)
    expected = scheduler.alphas_cumprod[schedule.timesteps].double()
    assert schedule.alphas_cumprod.dtype == torch.float64
    assert torch.allclose(schedule.alphas_cumprod, expected, rtol=1e-4, atol=0)


def test_nothing_is_noisy_below_the_first_step():
    schedule = respaced_schedule(50)
    assert schedule.alpha_cumprod(-1) == 1.0
    assert schedule.alpha_cumprod(0) == pytest.approx(1 - 1e-4)
    assert len(schedule) == 50


@pytest.mark.parametrize("index", [0, 24, 49])
def test_noise_is_added_as_diffusers_adds_it(index):
    schedule, scheduler = respaced_schedule(50), DDPMScheduler()
    clean, noise = torch.randn(2, 3, 4, 5, 5)
    expected = scheduler.add_noise(clean, noise, schedule.timesteps[index].repeat(3))
    assert torch.allclose(schedule.add_noise(clean, noise, index), expected, atol=1e-5)


@pytest.mark.parametrize("steps", [1, 0, -5, 1001])
def test_a_number_of_steps_that_cannot_be_spread_is_refused(steps):
    with pytest.raises(ValueError, match=r"num_inference_steps: expected a number in \[2, 1000\]"):
        respaced_schedule(steps)


def test_an_unknown_beta_schedule_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match="unknown beta schedule 'cosine'") as caught:
        respaced_schedule(50, beta_schedule="cosine")
    for name in BETA_SCHEDULES:
        assert name in str(caught.value)
