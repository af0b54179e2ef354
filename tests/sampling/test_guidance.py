import pytest
import torch

from mgd3_kedro.backbones.ancestral import ancestral_step
from mgd3_kedro.backbones.schedule import respaced_schedule
from mgd3_kedro.records import DenoisingStep
from mgd3_kedro.sampling.guidance import pull_towards_modes
from mgd3_kedro.sampling.guidance.gains import GAINS
from mgd3_kedro.sampling.guidance.pull import average_cells


def pulled(step, modes, scale, grid=None):
    """Pull by lambda, as the paper does."""
    return pull_towards_modes(step, modes, GAINS["constant"].weigh(step, scale, None), grid)


def test_the_pull_is_lambda_times_the_deviation_times_the_way_to_the_mode():
    clean, modes, mean = torch.randn(3, 2, 4, 8, 8)
    pull = torch.rand(2, 4, 8, 8)
    step = DenoisingStep(mean, torch.zeros(()), clean, pull, 1.0, 0.5, 0, clean)
    expected = 0.3 * pull.double() * (modes.double() - clean.double())
    assert torch.allclose(pulled(step, modes, 0.3).double(), expected, atol=1e-6)


def test_a_sample_at_its_mode_is_not_pulled():
    clean = torch.randn(2, 4, 8, 8)
    step = DenoisingStep(clean, torch.ones(()), clean, torch.ones(()), 1.0, 0.5, 0, clean)
    assert (pulled(step, clean, 0.5) == 0).all()


@pytest.mark.parametrize("index", [1, 10, 26, 35, 49])
def test_a_pulled_step_is_one_towards_a_clean_sample_nearer_to_the_mode(index):
    schedule = respaced_schedule(50)
    latents, noise_pred, modes = torch.randn(3, 2, 4, 8, 8, dtype=torch.float64)
    step = ancestral_step(schedule, index, latents, noise_pred)
    moved = step.prev_mean + pulled(step, modes, 0.1)
    now, before = schedule.alpha_cumprod(index), schedule.alpha_cumprod(index - 1)
    coef_clean = before**0.5 * (1 - now / before) / (1 - now)
    weight = 0.1 * step.std / coef_clean
    clean = step.pred_original_sample
    clean = clean + weight * (modes - clean)
    noise_of_it = (latents - now**0.5 * clean) / (1 - now) ** 0.5
    expected = ancestral_step(schedule, index, latents, noise_of_it).prev_mean
    assert torch.allclose(moved, expected, rtol=1e-9, atol=1e-9)


def test_guidance_brings_the_step_nearer_to_the_mode_not_further_away():
    schedule = respaced_schedule(50)
    latents, noise_pred = torch.randn(2, 8, 4, 8, 8)
    step = ancestral_step(schedule, 35, latents, noise_pred)
    modes = step.pred_original_sample + torch.randn(8, 4, 8, 8)
    towards = modes - step.pred_original_sample
    moved = pulled(step, modes, 0.1)
    assert ((moved * towards).flatten(1).sum(1) > 0).all()


def pull_of(clean, modes, grid):
    step = DenoisingStep(clean, torch.ones(()), clean, torch.full((), 0.5), 1.0, 0.5, 0, clean)
    return pulled(step, modes, 0.2, grid)


def test_a_difference_that_is_constant_in_every_cell_is_pulled_as_without_a_grid():
    clean, cells = torch.randn(2, 3, 8, 8), torch.randn(2, 3, 4, 4)
    modes = clean + cells.repeat_interleave(2, 2).repeat_interleave(2, 3)
    assert torch.allclose(pull_of(clean, modes, 4), pull_of(clean, modes, None), atol=1e-6)


def test_a_difference_of_mean_0_in_every_cell_is_not_pulled():
    clean, cells = torch.randn(2, 3, 8, 8), torch.randn(2, 3, 4, 4, 2, 2)
    detail = (
        (cells - cells.mean((4, 5), keepdim=True)).permute(0, 1, 2, 4, 3, 5).reshape(2, 3, 8, 8)
    )
    assert pull_of(clean, clean + detail, 4).abs().max() < 1e-6


@pytest.mark.parametrize("grid", [1, 2, 4, 8])
def test_the_pull_of_a_grid_has_the_layout_of_the_whole_pull_and_no_detail(grid):
    clean, modes = torch.randn(2, 2, 3, 8, 8)
    pooled, whole = pull_of(clean, modes, grid), pull_of(clean, modes, None)
    assert torch.allclose(average_cells(pooled, grid), average_cells(whole, grid), atol=1e-6)
    assert torch.allclose(average_cells(pooled, grid), pooled, atol=1e-6)


@pytest.mark.parametrize("grid", [8, 9, 100])
def test_a_grid_as_fine_as_latents_is_none(grid):
    clean, modes = torch.randn(2, 2, 3, 8, 8)
    assert torch.equal(pull_of(clean, modes, grid), pull_of(clean, modes, None))


def test_a_grid_that_does_not_divide_latents_is_refused():
    message = "^pull_pool: expected a divisor of 8, the side of latents, got 3$"
    with pytest.raises(ValueError, match=message):
        pull_of(torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 8, 8), 3)
