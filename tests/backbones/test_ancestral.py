import pytest
import torch
from diffusers import DDPMScheduler

from mgd3_kedro.backbones.ancestral import ancestral_step
from mgd3_kedro.backbones.schedule import respaced_schedule

SCHEDULE = respaced_schedule(50)
INDICES = [0, 1, 2, 10, 25, 26, 35, 48, 49]


def released_sampler(variance_type):
    """Return the scheduler that equals the sampler of the released code."""
    scheduler = DDPMScheduler(
        beta_schedule="linear",
        beta_start=1e-4,
        beta_end=0.02,
        variance_type=variance_type,
        clip_sample=False,
        timestep_spacing="linspace",
    )
    scheduler.set_timesteps(50)
    return scheduler


def coefficients(index):
    """Return (coef_x0, coef_xt, std) of the posterior in float64, from the betas on."""
    alphas_cumprod = torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64), 0)
    kept = [1.0, *alphas_cumprod[torch.linspace(0, 999, 50).round().long()].tolist()]
    before, now = kept[index], kept[index + 1]
    beta = 1 - now / before
    coef_noisy = (now / before) ** 0.5 * (1 - before) / (1 - now)
    std = (beta * (1 - before) / (1 - now)) ** 0.5
    return before**0.5 * beta / (1 - now), coef_noisy, std


def noise_for(clean, noisy, index):
    """Return the noise prediction that amounts to a clean sample."""
    alpha = SCHEDULE.alpha_cumprod(index)
    return (noisy - alpha**0.5 * clean) / (1 - alpha) ** 0.5


@pytest.mark.parametrize("index", INDICES)
@pytest.mark.parametrize("variance_type", ["fixed_small", "learned_range"])
def test_a_step_is_that_of_diffusers(variance_type, index):
    latents, noise_pred = torch.randn(2, 3, 4, 8, 8)
    share = torch.rand(3, 4, 8, 8) * 2 - 1
    learned = variance_type == "learned_range"
    output = torch.cat([noise_pred, share], 1) if learned else noise_pred
    expected = released_sampler(variance_type).step(
        output, SCHEDULE.timesteps[index], latents, generator=torch.Generator().manual_seed(7)
    )
    step = ancestral_step(SCHEDULE, index, latents, noise_pred, share if learned else None)
    noise = torch.randn(latents.shape, generator=torch.Generator().manual_seed(7))
    drawn = step.prev_mean + step.std * noise
    assert torch.allclose(drawn, expected.prev_sample, atol=1e-4, rtol=0)
    clean = expected.pred_original_sample
    assert torch.allclose(step.pred_original_sample, clean, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("index", INDICES)
def test_mean_and_deviation_are_the_posterior_written_out(index):
    clean, latents = torch.randn(2, 2, 4, 8, 8, dtype=torch.float64)
    step = ancestral_step(SCHEDULE, index, latents, noise_for(clean, latents, index))
    coef_clean, coef_noisy, std = coefficients(index)
    assert torch.allclose(step.prev_mean, coef_clean * clean + coef_noisy * latents)
    assert step.std.item() == pytest.approx(std, abs=1e-12)
    assert torch.allclose(step.pred_original_sample, clean, atol=1e-9)
    assert torch.equal(step.pull, step.std)


def test_the_learned_variance_lies_between_the_posterior_variance_and_beta():
    zeros = torch.zeros(1, 1, 2, 2, dtype=torch.float64)
    alpha = SCHEDULE.alpha_cumprod(35) / SCHEDULE.alpha_cumprod(34)
    low = ancestral_step(SCHEDULE, 35, zeros, zeros, zeros - 1).std
    middle = ancestral_step(SCHEDULE, 35, zeros, zeros, zeros).std
    high = ancestral_step(SCHEDULE, 35, zeros, zeros, zeros + 1).std
    fixed = ancestral_step(SCHEDULE, 35, zeros, zeros).std
    assert torch.allclose(low, fixed.expand_as(low))
    assert torch.allclose(high, torch.full_like(high, (1 - alpha) ** 0.5))
    assert torch.allclose(middle, (low * high).sqrt())


@pytest.mark.parametrize("variance", [None, 0.3])
def test_the_last_step_is_deterministic_and_cannot_be_pulled(variance):
    latents, noise_pred = torch.randn(2, 2, 4, 8, 8)
    share = None if variance is None else torch.full_like(latents, variance)
    step = ancestral_step(SCHEDULE, 0, latents, noise_pred, share)
    assert (step.std == 0).all()
    assert (step.pull == 0).all()
    assert torch.allclose(step.prev_mean, step.pred_original_sample)


def test_step_35_gives_the_checked_numbers_and_the_literal_equation_pushes_away():
    latents = torch.full((1, 1, 1, 1), 0.3, dtype=torch.float64)
    mode, clean, scale = 1.0, 0.0, 0.1
    noise_pred = noise_for(clean, latents, 35)
    step = ancestral_step(SCHEDULE, 35, latents, noise_pred)
    assert step.pred_original_sample.item() == pytest.approx(clean, abs=1e-12)
    assert step.prev_mean.item() == pytest.approx(0.2579, abs=5e-5)
    pulled = step.prev_mean + scale * step.pull * (mode - step.pred_original_sample)
    assert pulled.item() == pytest.approx(0.3086, abs=5e-5)
    literal = ancestral_step(SCHEDULE, 35, latents, noise_pred + scale * step.std * (mode - clean))
    assert literal.prev_mean.item() == pytest.approx(0.2426, abs=5e-5)


@pytest.mark.parametrize(
    ("index", "weight"), [(49, 22.4), (45, 10.7), (40, 4.59), (35, 2.25), (30, 1.22), (26, 0.811)]
)
def test_the_pull_weighs_a_mode_against_the_clean_sample_as_checked(index, weight):
    latents = torch.zeros(1, 1, 1, 1, dtype=torch.float64)
    here = ancestral_step(SCHEDULE, index, latents, noise_for(0.0, latents, index))
    there = ancestral_step(SCHEDULE, index, latents, noise_for(1.0, latents, index))
    coef_clean = (there.prev_mean - here.prev_mean).item()
    assert float(f"{0.1 * here.pull.item() / coef_clean:.3g}") == weight
