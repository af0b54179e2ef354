import pytest
import torch

from mgd3_kedro.sampling import INITIAL_LATENTS, denoise, image_generator


@pytest.mark.parametrize("name", INITIAL_LATENTS)
@pytest.mark.parametrize("strength", [0.01, 0.7, 1.0])
def test_every_start_gives_latents_and_a_step_of_the_backbone(name, strength, make_dit):
    dit = make_dit()
    modes, noise = torch.randn(2, 3, 4, 8, 8)
    given = modes.clone(), noise.clone()
    latents, first = INITIAL_LATENTS[name](dit, modes, noise, strength)
    assert latents.shape == modes.shape
    assert latents.isfinite().all()
    assert 0 <= first <= 49
    assert torch.equal(modes, given[0])
    assert torch.equal(noise, given[1])


@pytest.mark.parametrize("strength", [0.1, 0.7])
def test_noise_starts_at_the_noisiest_step_whatever_the_modes(strength, make_dit):
    modes, noise = torch.randn(2, 3, 4, 8, 8)
    latents, first = INITIAL_LATENTS["noise"](make_dit(), modes, noise, strength)
    assert first == 49
    assert torch.equal(latents, noise)


@pytest.mark.parametrize(
    ("strength", "first"),
    # A share of a step is left out, as in the released code: 37.5 steps are 37, 28.999 are 28.
    [(0.7, 34), (1.0, 49), (0.5, 24), (0.02, 0), (0.001, 0), (0.75, 36), (0.39, 18), (0.58, 27)],
)
def test_noised_modes_start_where_their_share_of_the_steps_is_left(strength, first, make_dit):
    dit = make_dit()
    modes, noise = torch.randn(2, 3, 4, 8, 8)
    latents, index = INITIAL_LATENTS["noised_modes"](dit, modes, noise, strength)
    assert index == first
    timestep = round(first * 999 / 49)
    share = torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000), 0)[timestep]
    expected = share.sqrt() * modes + (1 - share).sqrt() * noise
    assert torch.allclose(latents, expected, atol=1e-5)


def test_disentangled_diffusion_runs_the_last_35_of_50_steps(
    standing_still, make_sampling, make_classes
):
    config = make_sampling(initial_latents="noised_modes", mode_guidance_scale=0)
    modes = torch.full((2, 1, 2, 2), 7.0)
    generators = [image_generator(0, 0, image) for image in range(2)]
    latents = denoise(standing_still, modes, make_classes([0, 0]), config, generators)
    assert standing_still.visited == list(range(34, -1, -1))
    # This backbone marks what it noises with 1000 times the number of steps left.
    noise = latents - 35_000 - 7
    assert noise.abs().max() < 5
    assert noise.std() > 0.2
