import math

import numpy as np
import pytest
import torch

from mgd3_kedro.backbones.schedule import TrainedSchedule
from mgd3_kedro.matching.variational import VariationalBound, log_bin_probability

SHAPE = (2, 3, 3)
BETAS = np.linspace(1e-4, 0.02, 1000)


@pytest.fixture
def bound():
    return VariationalBound(TrainedSchedule().alphas_cumprod())


def previous(timestep, clean, noisy):
    """Return mean and variance of x_(t-1), by Bayes' rule from what x_0 and x_t say about it."""
    before = np.prod(1 - BETAS[:timestep])
    prior = 1 / (1 - before)
    likelihood = (1 - BETAS[timestep]) / BETAS[timestep]
    variance = 1 / (prior + likelihood)
    said = prior * math.sqrt(before) * clean
    said = said + likelihood * noisy / math.sqrt(1 - BETAS[timestep])
    return variance * said, variance


def draw(timestep, count=1):
    """Return clean, noisy and predicted latents and the prediction of the variance, float64."""
    generator = np.random.default_rng(3)
    clean, noise, error, share = generator.standard_normal((4, count, *SHAPE))
    signal = np.prod(1 - BETAS[: timestep + 1])
    noisy = math.sqrt(signal) * clean + math.sqrt(1 - signal) * noise
    return clean, noisy, clean + 0.3 * error, np.tanh(share)


def ask(bound, timesteps, *arrays):
    tensors = (torch.from_numpy(array).float() for array in arrays)
    return bound.bits(torch.tensor(timesteps), *tensors)


@pytest.mark.parametrize("timestep", [1, 2, 20, 300, 998, 999])
def test_a_term_is_the_divergence_of_two_normal_distributions(timestep, bound):
    clean, noisy, predicted, share = draw(timestep)
    true_mean, true_variance = previous(timestep, clean, noisy)
    mean, _ = previous(timestep, predicted, noisy)
    upper = (share + 1) / 2
    std = np.exp(0.5 * (upper * np.log(BETAS[timestep]) + (1 - upper) * np.log(true_variance)))
    reference = torch.distributions.kl_divergence(
        torch.distributions.Normal(torch.from_numpy(true_mean), math.sqrt(true_variance)),
        torch.distributions.Normal(torch.from_numpy(mean), torch.from_numpy(std)),
    )
    expected = reference.mean().item() / math.log(2)
    assert ask(bound, [timestep], clean, predicted, share).item() == pytest.approx(
        expected, rel=1e-3
    )


@pytest.mark.parametrize("timestep", [1, 2, 50])
def test_the_true_mean_and_the_lower_variance_leave_nothing_to_learn(timestep, bound):
    clean, _, _, share = draw(timestep)
    exact = ask(bound, [timestep], clean, clean, -np.ones_like(share)).item()
    assert exact == pytest.approx(0, abs=1e-6)
    assert ask(bound, [timestep], clean, clean, np.ones_like(share)) > exact


def test_the_last_step_is_the_surprise_at_the_clean_latent(bound):
    clean, noisy, predicted, share = draw(0)
    clean, predicted = 0.4 * clean, 0.4 * clean + 0.01 * (predicted - clean)
    _, variance_of_next = previous(1, clean, noisy)
    upper = (share + 1) / 2
    std = np.exp(0.5 * (upper * np.log(BETAS[0]) + (1 - upper) * np.log(variance_of_next)))

    def below(end):
        return np.vectorize(math.erf)((end - predicted) / std / math.sqrt(2)) / 2 + 0.5

    high = np.where(clean > 0.999, 1.0, below(clean + 1 / 255))
    low = np.where(clean < -0.999, 0.0, below(clean - 1 / 255))
    expected = -np.log2(np.maximum(high - low, 1e-12)).mean()
    assert (np.abs(clean) > 0.999).any()
    assert ask(bound, [0], clean, predicted, share).item() == pytest.approx(expected, rel=1e-3)


def test_the_bins_of_pixels_have_all_the_probability():
    values = torch.linspace(-1, 1, 256, dtype=torch.float64)
    for mean in (-1.3, -0.2, 0.999):
        logs = log_bin_probability(
            values, torch.full_like(values, mean), torch.full_like(values, 0.1)
        )
        assert logs.exp().sum().item() == pytest.approx(1, abs=1e-9)


def test_what_is_impossible_is_as_unlikely_as_can_be_written():
    far = log_bin_probability(torch.tensor(0.5), torch.tensor(-0.5), torch.tensor(0.001))
    assert far.item() == pytest.approx(math.log(1e-12))


def test_each_sample_has_its_own_timestep(bound):
    clean, _, predicted, share = draw(200, count=3)
    arrays = (clean, predicted, share)
    together = ask(bound, [0, 1, 700], *arrays)
    for row, timestep in enumerate([0, 1, 700]):
        alone = ask(bound, [timestep], *(array[row : row + 1] for array in arrays))
        assert together[row].item() == pytest.approx(alone.item(), rel=1e-5)


def test_gradients_are_finite_at_every_timestep(bound):
    timesteps = torch.arange(1000)
    clean = torch.randn(1000, *SHAPE)
    share = torch.randn(1000, *SHAPE, requires_grad=True)
    bound.bits(timesteps, clean, torch.zeros_like(clean), share).sum().backward()
    assert torch.isfinite(share.grad).all()
