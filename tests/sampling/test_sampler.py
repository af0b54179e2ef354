import copy

import numpy as np
import pytest
import torch

from mgd3_kedro.backbones.mixture import GaussianMixtureBackbone
from mgd3_kedro.backbones.samplers import SAMPLERS
from mgd3_kedro.backbones.schedule import respaced_schedule
from mgd3_kedro.sampling import INITIAL_LATENTS, denoise, image_generator

CLASSES = torch.tensor([6, 0, 0, 3, 6, 1, 3, 3, 0, 2])
"""Classes of ten images."""
IMAGES = torch.tensor([0, 0, 1, 0, 1, 0, 1, 2, 2, 0])
"""Position of each within its class."""


def generators_of(classes, images, seed=0):
    rows = zip(classes.tolist(), images.tolist(), strict=True)
    return [image_generator(seed, class_index, image) for class_index, image in rows]


@pytest.mark.parametrize(("stop", "guided"), [(25, 24), (0, 49), (48, 1), (49, 0), (60, 0)])
def test_as_many_steps_are_guided_as_lie_above_the_stop(
    stop, guided, standing_still, make_sampling
):
    modes, classes = torch.ones(2, 1, 2, 2), torch.zeros(2).long()
    generators = [image_generator(0, 0, image) for image in range(2)]
    start = torch.stack(
        [torch.randn(1, 2, 2, generator=image_generator(0, 0, image)) for image in range(2)]
    )
    config = make_sampling(mode_guidance_scale=1.0, stop_guidance_step=stop)
    latents = denoise(standing_still, modes, classes, config, generators)
    assert standing_still.visited == list(range(49, -1, -1))
    # Every guided step moves this backbone's samples by 1.
    assert torch.allclose(latents - start, torch.full((), float(guided)), atol=1e-4)


def test_an_image_draws_its_start_and_one_noise_for_every_step_but_the_last(
    standing_still, make_sampling
):
    generators, untouched = [[image_generator(0, 0, 5)] for _ in range(2)]
    denoise(standing_still, torch.ones(1, 1, 2, 2), torch.zeros(1), make_sampling(), generators)
    for _ in range(1 + 49):
        torch.randn(1, 2, 2, generator=untouched[0])
    assert torch.equal(generators[0].get_state(), untouched[0].get_state())


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_at_scale_zero_samples_are_the_unguided_ones_bit_for_bit(sampler, make_dit, make_sampling):
    dit = make_dit(sampler=sampler, num_inference_steps=12)
    modes = torch.randn(10, 4, 8, 8)
    generators = generators_of(CLASSES, IMAGES)
    latents = torch.stack([torch.randn(4, 8, 8, generator=each) for each in generators])
    for index in range(11, -1, -1):
        step = dit.step(index, latents, CLASSES)
        latents = step.prev_mean
        if index > 0:
            noise = torch.stack([torch.randn(4, 8, 8, generator=each) for each in generators])
            latents = latents + step.std * noise
    for config in (
        make_sampling(mode_guidance_scale=0, stop_guidance_step=0),
        make_sampling(mode_guidance_scale=0.1, stop_guidance_step=11),
    ):
        again = denoise(dit, modes, CLASSES, config, generators_of(CLASSES, IMAGES))
        assert torch.equal(again, latents)
    guided = make_sampling(mode_guidance_scale=0.1, stop_guidance_step=0)
    moved = denoise(dit, modes, CLASSES, guided, generators_of(CLASSES, IMAGES))
    assert not torch.allclose(moved, latents, atol=1e-2)


@pytest.fixture
def draw_bytes(make_dit, make_sampling):
    """Draw ten guided images in batches, in some order; return the bytes of each in its place."""
    dit = make_dit(num_inference_steps=12)
    config = make_sampling(stop_guidance_step=5)
    modes = torch.randn(10, 4, 8, 8)

    def draw(batch_size, order, seed=0):
        images = torch.zeros(10, 3, 16, 16, dtype=torch.uint8)
        for rows in torch.tensor(order).split(batch_size):
            generators = generators_of(CLASSES[rows], IMAGES[rows], seed)
            latents = denoise(dit, modes[rows], CLASSES[rows], config, generators)
            images[rows] = dit.autoencoder.decode(latents)
        return images

    return draw


@pytest.mark.parametrize("batch_size", [1, 3, 4, 7, 10])
def test_an_image_is_the_same_whatever_batch_and_order_it_is_made_in(batch_size, draw_bytes):
    expected = draw_bytes(10, list(range(10)))
    assert torch.equal(draw_bytes(batch_size, list(range(10))), expected)
    assert torch.equal(draw_bytes(batch_size, [3, 9, 0, 7, 2, 8, 4, 1, 6, 5]), expected)
    assert len({image.numpy().tobytes() for image in expected}) == 10


def test_another_seed_gives_other_images(draw_bytes):
    first, second = draw_bytes(10, list(range(10))), draw_bytes(10, list(range(10)), seed=1)
    assert (first != second).flatten(1).any(1).all()


def test_a_guided_run_is_the_published_procedure_written_out_in_double_precision(
    make_dit, make_sampling
):
    steps, stop, scale, guidance = 12, 5, 0.1, 4.0
    dit = make_dit(num_inference_steps=steps, guidance_scale=guidance, cfg_channels=3)
    transformer = copy.deepcopy(dit.transformer).double()
    modes = torch.randn(10, 4, 8, 8)
    config = make_sampling(mode_guidance_scale=scale, stop_guidance_step=stop)
    actual = denoise(dit, modes, CLASSES, config, generators_of(CLASSES, IMAGES))

    timesteps = np.linspace(0, 999, steps).round().astype(int)
    kept = np.cumprod(1 - np.linspace(1e-4, 0.02, 1000))[timesteps]
    generators = generators_of(CLASSES, IMAGES)

    def draw_noise():
        return torch.stack([torch.randn(4, 8, 8, generator=each) for each in generators]).double()

    x = draw_noise()
    for i in reversed(range(steps)):
        now, before = kept[i], kept[i - 1] if i > 0 else 1.0
        alpha = now / before
        with torch.no_grad():
            t = torch.full((10,), int(timesteps[i]))
            cond = transformer(x, timestep=t, class_labels=CLASSES).sample
            null = torch.full((10,), 7)
            uncond = transformer(x, timestep=t, class_labels=null).sample
        eps = cond[:, :4].clone()
        eps[:, :3] = uncond[:, :3] + guidance * (cond[:, :3] - uncond[:, :3])
        x0hat = (x - np.sqrt(1 - now) * eps) / np.sqrt(now)
        mean = np.sqrt(before) * (1 - alpha) / (1 - now) * x0hat
        mean = mean + np.sqrt(alpha) * (1 - before) / (1 - now) * x
        if i > 0:
            low = np.log((1 - alpha) * (1 - before) / (1 - now))
            share = (cond[:, 4:] + 1) / 2
            std = torch.exp(0.5 * (share * np.log(1 - alpha) + (1 - share) * low))
            mean = mean + std * draw_noise()
        if i > stop:
            mean = mean + scale * std * (modes - x0hat)
        x = mean
    assert torch.allclose(actual.double(), x, atol=1e-3, rtol=1e-3)
    # What is compared has moved: guidance decides where samples end.
    unguided = make_sampling(mode_guidance_scale=0)
    other = denoise(dit, modes, CLASSES, unguided, generators_of(CLASSES, IMAGES))
    assert (actual - other).abs().mean() > 0.05


@pytest.mark.parametrize("name", INITIAL_LATENTS)
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_start_and_sampler_draws_one_latent_per_mode(name, sampler, make_dit, make_sampling):
    dit = make_dit(sampler=sampler, num_inference_steps=6)
    modes = torch.randn(3, 4, 8, 8)
    before = modes.clone()
    config = make_sampling(initial_latents=name, stop_guidance_step=2)
    draws = [
        denoise(dit, modes, CLASSES[:3], config, generators_of(CLASSES[:3], IMAGES[:3], seed))
        for seed in (0, 0, 1)
    ]
    assert draws[0].shape == modes.shape
    assert draws[0].isfinite().all()
    assert torch.equal(draws[0], draws[1])
    assert not torch.allclose(draws[0], draws[2], atol=1e-2)
    assert torch.equal(modes, before)


def test_sampling_draws_from_the_generators_of_the_images_alone(make_dit, make_sampling):
    dit = make_dit(num_inference_steps=6)
    state = torch.get_rng_state()
    classes, images = CLASSES[:2], IMAGES[:2]
    modes, config = torch.zeros(2, 4, 8, 8), make_sampling(stop_guidance_step=2)
    first = denoise(dit, modes, classes, config, generators_of(classes, images))
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(99)
    assert torch.equal(denoise(dit, modes, classes, config, generators_of(classes, images)), first)


@pytest.mark.parametrize("shape", [(2, 4, 4, 4), (2, 3, 8, 8), (2, 8, 8), (4, 8, 8)])
def test_modes_of_another_backbone_are_refused_with_both_shapes(shape, make_dit, make_sampling):
    with pytest.raises(ValueError, match=r"modes: expected latents of shape \(4, 8, 8\).*got"):
        denoise(make_dit(), torch.zeros(shape), CLASSES[:2], make_sampling(), [])


def test_keys_of_images_do_not_run_into_each_other():
    keys = [(seed, label, image) for seed in range(3) for label in range(12) for image in range(12)]
    draws = {tuple(torch.randn(4, generator=image_generator(*key)).tolist()) for key in keys}
    assert len(draws) == len(keys)


def test_double_precision_changes_nothing_but_rounding(make_sampling):
    means = torch.randn(3, 4, 4, 4)
    modes, classes = means[torch.arange(6) % 3], torch.zeros(6).long()
    samples = []
    for dtype in (torch.float32, torch.float64):
        mixture = GaussianMixtureBackbone(
            means.to(dtype), [0.5, 0.25, 0.25], 0.2, respaced_schedule(50), SAMPLERS["ddpm"]
        )
        generators = [image_generator(0, 0, image) for image in range(6)]
        samples.append(denoise(mixture, modes.to(dtype), classes, make_sampling(), generators))
    assert torch.allclose(samples[0].double(), samples[1], atol=1e-3)
