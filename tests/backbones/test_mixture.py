import pytest
import torch

from mgd3_kedro.backbones.mixture import GaussianMixtureBackbone
from mgd3_kedro.backbones.samplers import SAMPLERS
from mgd3_kedro.backbones.schedule import respaced_schedule
from mgd3_kedro.sampling import SamplingConfig, denoise, image_generator

WEIGHTS = [0.85, 0.05, 0.05, 0.05]
STD = 0.25
SAMPLES = 200
OWNERS = torch.arange(SAMPLES) % 4
"""Sample i is guided to mode i mod 4."""


@pytest.fixture
def means():
    return torch.randn(4, 4, 8, 8, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def make_mixture(means):
    def make(sampler="ddpm", steps=50):
        schedule = respaced_schedule(steps)
        return GaussianMixtureBackbone(means, WEIGHTS, STD, schedule, SAMPLERS[sampler])

    return make


@pytest.fixture
def draw(means, make_mixture, make_classes):
    """Draw the samples of the paper's Figure 1; return the nearest mode and spread of each."""

    def run(mode_guidance_scale, stop_guidance_step, sampler="ddpm"):
        config = SamplingConfig(
            "noise", 0.7, mode_guidance_scale, "constant", stop_guidance_step, None
        )
        generators = [image_generator(0, 0, image) for image in range(SAMPLES)]
        classes = make_classes([0] * SAMPLES)
        samples = denoise(make_mixture(sampler), means[OWNERS], classes, config, generators)
        nearest = torch.cdist(samples.flatten(1), means.flatten(1)).argmin(1)
        return nearest, (samples - means[nearest]).square().mean().sqrt().item()

    return run


@pytest.mark.parametrize("index", [0, 10, 35, 49])
def test_the_predicted_clean_sample_is_the_posterior_mean(index, means, make_mixture):
    mixture = make_mixture()
    latents = 0.3 * means[:3] + 0.7 * means[1:] + 0.1 * torch.randn(3, 4, 8, 8)
    alpha = mixture.schedule.alpha_cumprod(index)
    signal, variance = alpha**0.5, alpha * STD**2 + 1 - alpha
    expected = torch.zeros(3, 4, 8, 8, dtype=torch.float64)
    for row, noisy in enumerate(latents.double()):
        evidence, centres = [], []
        for weight, mean in zip(WEIGHTS, means.double(), strict=True):
            density = torch.distributions.Normal(signal * mean, variance**0.5)
            evidence.append(density.log_prob(noisy).sum() + torch.tensor(weight).log())
            centres.append(mean + signal * STD**2 / variance * (noisy - signal * mean))
        shares = torch.stack(evidence).softmax(0)
        expected[row] = sum(share * centre for share, centre in zip(shares, centres, strict=True))
    step = mixture.step(index, latents, torch.zeros(3).long())
    # Signal is 0.6 % of the noisiest latents, so rounding there is large.
    tolerance = 1e-5 / signal
    assert torch.allclose(step.pred_original_sample.double(), expected, atol=tolerance, rtol=0)


def test_unguided_samples_fall_into_modes_by_their_weights(draw):
    nearest, spread = draw(0.0, 25)
    counts = torch.bincount(nearest, minlength=4).tolist()
    # 170 and 10 expected, with standard deviations of 5 and 3.1.
    assert 150 <= counts[0] <= 190
    assert all(1 <= count <= 22 for count in counts[1:])
    assert sum(nearest == OWNERS).item() < 80
    assert 0.80 <= spread / STD <= 0.86


def test_guidance_that_stops_halfway_reaches_every_mode_and_keeps_the_spread(draw):
    nearest, spread = draw(0.1, 25)
    assert torch.equal(nearest, OWNERS)
    assert torch.bincount(nearest).tolist() == [50, 50, 50, 50]
    _, unguided = draw(0.0, 25)
    assert spread == pytest.approx(unguided, rel=0.01)
    assert 0.80 <= spread / STD <= 0.86


def test_strong_guidance_that_never_stops_squeezes_the_modes(draw):
    nearest, spread = draw(0.5, 0)
    assert torch.equal(nearest, OWNERS)
    assert 0.69 <= spread / STD <= 0.73


def test_strong_guidance_that_never_stops_squeezes_deterministic_samples_too(draw):
    unguided = draw(0.0, 0, "ddim")
    guided = draw(0.5, 0, "ddim")
    assert sum(unguided[0] == OWNERS).item() < 80
    assert torch.equal(guided[0], OWNERS)
    assert guided[1] < 0.7 * unguided[1]


def test_more_steps_bring_the_spread_to_that_of_the_data(means, make_mixture, make_classes):
    mixture = make_mixture(steps=1000)
    config = SamplingConfig("noise", 0.7, 0.0, "constant", 0, None)
    generators = [image_generator(1, 0, image) for image in range(40)]
    modes, classes = means[:1].expand(40, -1, -1, -1), make_classes([0] * 40)
    samples = denoise(mixture, modes, classes, config, generators)
    nearest = torch.cdist(samples.flatten(1), means.flatten(1)).argmin(1)
    spread = (samples - means[nearest]).square().mean().sqrt().item()
    assert spread == pytest.approx(STD, rel=0.03)


@pytest.mark.parametrize("weights", [[0.5, 0.5], [0.25] * 3 + [0.2], [0.85, 0.05, 0.05, 0.06]])
def test_weights_that_do_not_share_out_the_means_are_refused(weights, means):
    with pytest.raises(ValueError, match="weights: expected 4 shares summing to 1, got"):
        GaussianMixtureBackbone(means, weights, STD, respaced_schedule(50), SAMPLERS["ddpm"])


def test_a_mixture_says_what_it_denoises_and_has_no_classes(make_mixture, make_classes):
    mixture = make_mixture(steps=20)
    assert mixture.latent_shape == (4, 8, 8)
    assert mixture.timesteps == tuple(respaced_schedule(20).timesteps.tolist())
    latents = torch.randn(2, 4, 8, 8)
    steps = [
        mixture.step(10, latents, mixture.conditions(make_classes([index, 1]))).prev_mean
        for index in (0, 999)
    ]
    assert torch.equal(*steps)
