import math

import pytest
import torch

from mgd3_kedro.training.noise import draw_timesteps, error_weights, linear_alphas_cumprod

CPU = torch.device("cpu")


def draws(mean, std, count=20000):
    return draw_timesteps(count, mean, std, torch.Generator().manual_seed(0), CPU)


def log_sigmas():
    betas = torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)
    signal = torch.cumprod(1 - betas, 0)
    return ((1 - signal) / signal).sqrt().log()


def test_all_timesteps_are_drawn_alike():
    drawn = draws(None, None)
    assert (drawn.min(), drawn.max()) == (0, 999)
    assert torch.histc(drawn.float(), 10, 0, 1000).sub(2000).abs().max() < 150


def test_noise_levels_are_log_normal():
    drawn = draws(-0.4, 0.8)
    assert drawn.dtype == torch.int64
    levels = log_sigmas()[drawn]
    assert float(levels.mean()) == pytest.approx(-0.4, abs=0.02)
    assert float(levels.std()) == pytest.approx(0.8, abs=0.02)
    shares = [float((levels < -0.4 + 0.8 * z).double().mean()) for z in (-1, 0, 1)]
    expected = [0.5 * (1 + math.erf(z / math.sqrt(2))) for z in (-1, 0, 1)]
    assert shares == pytest.approx(expected, abs=0.015)


def test_a_level_becomes_the_nearest_timestep():
    levels = log_sigmas()
    for timestep in (0, 1, 300, 999):
        assert (draws(float(levels[timestep]), 1e-9, 5) == timestep).all()
    between = (levels[300] * 0.6 + levels[301] * 0.4).item()
    assert (draws(between, 1e-9, 5) == 300).all()


def test_levels_beyond_the_schedule_are_its_ends():
    assert (draws(-20.0, 1.0, 50) == 0).all()
    assert (draws(20.0, 1.0, 50) == 999).all()


def test_what_errors_of_clean_samples_count_for_has_a_floor_and_a_cap():
    signal = linear_alphas_cumprod()
    snr = signal / (1 - signal)
    weights = error_weights("sample", 5.0, 1.0)
    assert (weights[snr < 1] == 1).all()
    assert (weights[snr > 5] == 5).all()
    between = (snr > 1) & (snr < 5)
    assert torch.equal(weights[between], snr[between])
    assert torch.equal(error_weights("sample", None, 1.0), snr.clamp(min=1))
    assert torch.equal(error_weights("sample", None), snr)
