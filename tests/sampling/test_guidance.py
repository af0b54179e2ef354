import pytest
import torch

from mgd3_kedro.backbones.ancestral import ancestral_step
from mgd3_kedro.backbones.schedule import respaced_schedule
from mgd3_kedro.records import DenoisingStep
from mgd3_kedro.sampling.guidance import pull_towards_modes


def test_the_pull_is_lambda_times_the_deviation_times_the_way_to_the_mode():
    clean, modes, mean = torch.randn(3, 2, 4, 8, 8)
    pull = torch.rand(2, 4, 8, 8)
    step = DenoisingStep(mean, torch.zeros(()), clean, pull, 1.0, 0.5)
    expected = 0.3 * pull.double() * (modes.double() - clean.double())
    assert torch.allclose(pull_towards_modes(step, modes, 0.3).double(), expected, atol=1e-6)


def test_a_sample_at_its_mode_is_not_pulled():
    clean = torch.randn(2, 4, 8, 8)
    step = DenoisingStep(clean, torch.ones(()), clean, torch.ones(()), 1.0, 0.5)
    assert (pull_towards_modes(step, clean, 0.5) == 0).all()


@pytest.mark.parametrize("index", [1, 10, 26, 35, 49])
def test_a_pulled_step_is_one_towards_a_clean_sample_nearer_to_the_mode(index):
    schedule = respaced_schedule(50)
    latents, noise_pred, modes = torch.randn(3, 2, 4, 8, 8, dtype=torch.float64)
    step = ancestral_step(schedule, index, latents, noise_pred)
    pulled = step.prev_mean + pull_towards_modes(step, modes, 0.1)
    now, before = schedule.alpha_cumprod(index), schedule.alpha_cumprod(index - 1)
    coef_clean = before**0.5 * (1 - now / before) / (1 - now)
    weight = 0.1 * step.std / coef_clean
    clean = step.pred_original_sample
    clean = clean + weight * (modes - clean)
    noise_of_it = (latents - now**0.5 * clean) / (1 - now) ** 0.5
    expected = ancestral_step(schedule, index, latents, noise_of_it).prev_mean
    assert torch.allclose(pulled, expected, rtol=1e-9, atol=1e-9)


def test_guidance_brings_the_step_nearer_to_the_mode_not_further_away():
    schedule = respaced_schedule(50)
    latents, noise_pred = torch.randn(2, 8, 4, 8, 8)
    step = ancestral_step(schedule, 35, latents, noise_pred)
    modes = step.pred_original_sample + torch.randn(8, 4, 8, 8)
    towards = modes - step.pred_original_sample
    moved = pull_towards_modes(step, modes, 0.1)
    assert ((moved * towards).flatten(1).sum(1) > 0).all()
