"""Samples of a `DiTPipeline` folder against those that diffusers draws from it."""

from functools import partial

import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler, DiTPipeline

from mgd3_kedro.backbones.dit import load_dit, load_dit_autoencoder
from mgd3_kedro.randomness import seeded_generator
from mgd3_kedro.sampling import SamplingConfig, denoise

LABELS = [207, 0, 999]
UNGUIDED = SamplingConfig("noise", 1.0, 0.0, "constant", 0, None)
LINEAR = {"beta_schedule": "linear", "beta_start": 1e-4, "beta_end": 0.02, "clip_sample": False}
SCHEDULERS = {
    "ddpm": partial(
        DDPMScheduler, **LINEAR, variance_type="fixed_small", timestep_spacing="linspace"
    ),
    "ddim": partial(DDIMScheduler, **LINEAR, set_alpha_to_one=True, timestep_spacing="leading"),
}


def generators():
    return [seeded_generator(7, row) for row in range(len(LABELS))]


def assert_equal(latents, expected):
    """Compare by the largest value: a random model that predicts noise makes latents of 1000."""
    assert (latents - expected).abs().max() < 2e-5 * expected.abs().max()
    assert not torch.allclose(latents[0], latents[1], rtol=0.1)


@pytest.fixture
def draw(make_diffusion, make_classes):
    """Draw latents of a folder without mode guidance."""

    def run(folder, **changes):
        dit = load_dit(folder, make_diffusion(**changes))
        nowhere = torch.zeros(len(LABELS), 4, 8, 8)
        return denoise(dit, nowhere, make_classes(LABELS), UNGUIDED, generators())

    return run


@pytest.fixture
def draw_with_diffusers(monkeypatch):
    """Draw latents and images of a folder with diffusers' own pipeline."""

    def run(folder, guidance_scale):
        pipeline = DiTPipeline.from_pretrained(folder, low_cpu_mem_usage=False)
        pipeline.set_progress_bar_config(disable=True)
        sources = generators()
        if isinstance(pipeline.scheduler, DDPMScheduler):
            # The pipeline would draw from the global generator, and for the null class too.
            without = generators() if guidance_scale > 1 else []
            step = partial(pipeline.scheduler.step, generator=[*sources, *without])
            monkeypatch.setattr(pipeline.scheduler, "step", step)
        unscaled, decode = [], pipeline.vae.decode
        monkeypatch.setattr(
            pipeline.vae, "decode", lambda latents: unscaled.append(latents) or decode(latents)
        )
        images = pipeline(
            LABELS,
            guidance_scale=guidance_scale,
            num_inference_steps=50,
            generator=sources,
            output_type="pt",
        ).images
        return unscaled[0] * pipeline.vae.config.scaling_factor, images

    return run


@pytest.mark.parametrize("guidance_scale", [1.0, 4.0])
@pytest.mark.parametrize("prediction_type", ["epsilon", "v_prediction"])
@pytest.mark.parametrize(
    # DDIM has no use for variances; diffusers' pipeline leaves them out for DDPM too.
    ("sampler", "spacing", "channels"),
    [("ddpm", "linspace", 4), ("ddim", "leading", 4), ("ddim", "leading", 8)],
)
def test_samples_are_those_of_diffusers_pipeline(
    sampler,
    spacing,
    channels,
    prediction_type,
    guidance_scale,
    save_dit,
    draw,
    draw_with_diffusers,
    make_autoencoding,
):
    # diffusers' pipeline takes the class 1000 for no class.
    scheduler = SCHEDULERS[sampler](prediction_type=prediction_type)
    folder = save_dit(num_classes=1000, out_channels=channels, scheduler=scheduler)
    expected, images = draw_with_diffusers(folder, guidance_scale)
    latents = draw(
        folder,
        sampler=sampler,
        timestep_spacing=spacing,
        guidance_scale=guidance_scale,
        cfg_channels=None,
    )
    assert_equal(latents, expected)
    decoded = load_dit_autoencoder(folder, make_autoencoding()).decode(latents)
    assert (decoded.float() - 255 * images).abs().max() < 0.6


def drawn_by_hand(transformer, cfg_channels):
    """Return latents of the official DiT's procedure with the scheduler that it amounts to."""
    scheduler = DDPMScheduler(**LINEAR, variance_type="learned_range", timestep_spacing="linspace")
    scheduler.set_timesteps(50)
    sources, labels = generators(), torch.tensor(LABELS)
    latents = torch.stack([torch.randn(4, 8, 8, generator=each) for each in sources])
    for timestep in scheduler.timesteps:
        times = timestep.expand(len(labels))
        with torch.no_grad():
            output = transformer(latents, timestep=times, class_labels=labels).sample
            null = torch.full_like(labels, 1000)
            free = transformer(latents, timestep=times, class_labels=null).sample
        led = slice(cfg_channels)
        output[:, led] = (free + 4.0 * (output - free))[:, led]
        latents = scheduler.step(output, timestep, latents, generator=sources).prev_sample
    return latents


@pytest.mark.parametrize("cfg_channels", [3, 4])
def test_samples_with_learned_variances_are_those_of_diffusers_scheduler(
    cfg_channels, save_dit, draw, make_diffusion
):
    folder = save_dit(num_classes=1000)
    transformer = load_dit(folder, make_diffusion()).denoiser.transformer
    expected = drawn_by_hand(transformer, cfg_channels)
    assert_equal(draw(folder, cfg_channels=cfg_channels), expected)


def test_guiding_three_of_four_channels_gives_other_samples_than_all(save_dit, draw):
    folder = save_dit(num_classes=1000)
    three, four, everything = (draw(folder, cfg_channels=count) for count in (3, 4, None))
    # The channel that is not guided sees those that are.
    assert ((three - four).abs().amax((0, 2, 3)) > 0.01).all()
    assert torch.equal(four, everything)
