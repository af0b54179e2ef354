import pytest
import torch

from mgd3_kedro.backbones.dit import load_dit_autoencoder
from mgd3_kedro.backbones.mixture import GaussianMixtureBackbone
from mgd3_kedro.backbones.samplers import SAMPLERS
from mgd3_kedro.backbones.schedule import respaced_schedule
from mgd3_kedro.sampling import INITIAL_LATENTS, denoise, image_generator

CLASSES = [6, 0, 0, 3, 6, 1, 3, 3, 0, 2]
"""Class indices of ten images."""
IMAGES = [0, 0, 1, 0, 1, 0, 1, 2, 2, 0]
"""Position of each within its class."""


def generators_of(classes, images, seed=0):
    rows = zip(classes, images, strict=True)
    return [image_generator(seed, class_index, image) for class_index, image in rows]


@pytest.mark.parametrize(("stop", "guided"), [(25, 24), (0, 49), (48, 1), (49, 0), (60, 0)])
def test_as_many_steps_are_guided_as_lie_above_the_stop(
    stop, guided, standing_still, make_sampling, make_classes
):
    modes, classes = torch.ones(2, 1, 2, 2), make_classes([0, 0])
    generators = [image_generator(0, 0, image) for image in range(2)]
    start = torch.stack(
        [torch.randn(1, 2, 2, generator=image_generator(0, 0, image)) for image in range(2)]
    )
    config = make_sampling(mode_guidance_scale=1.0, stop_guidance_step=stop)
    latents = denoise(standing_still, modes, classes, config, generators)
    assert standing_still.visited == list(range(49, -1, -1))
    # Every guided step moves this backbone's samples by 1.
    assert torch.allclose(latents - start, torch.full((), float(guided)), atol=1e-4)


@pytest.mark.parametrize(("stop", "guided"), [(500, 24), (0, 49), (990, 0)])
def test_as_many_steps_are_guided_as_visit_a_timestep_above_the_stop(
    stop, guided, make_standing_still, make_sampling, make_classes
):
    config = make_sampling(
        mode_guidance_scale=1.0, stop_guidance_step=None, stop_guidance_timestep=stop
    )
    start = torch.randn(1, 1, 2, 2, generator=image_generator(0, 0, 0))
    latents = denoise(
        make_standing_still("leading"),
        torch.ones(1, 1, 2, 2),
        make_classes([0]),
        config,
        [image_generator(0, 0, 0)],
    )
    assert torch.allclose(latents - start, torch.full((), float(guided)), atol=1e-4)


@pytest.mark.parametrize(
    ("schedule", "moved"), [("constant", 24.0), ("linear", 12.5), ("cosine", 12.5)]
)
def test_lambda_falls_over_the_guided_steps_as_scheduled(
    schedule, moved, standing_still, make_sampling, make_classes
):
    config = make_sampling(mode_guidance_scale=1.0, mode_guidance_schedule=schedule)
    start = torch.randn(1, 1, 2, 2, generator=image_generator(0, 0, 0))
    generators = [image_generator(0, 0, 0)]
    modes = torch.ones(1, 1, 2, 2)
    latents = denoise(standing_still, modes, make_classes([0]), config, generators)
    # The sum of 1/24, 2/24 ... 24/24, which both schedules have.
    assert torch.allclose(latents - start, torch.full((), moved), atol=1e-4)


def test_an_image_draws_its_start_and_one_noise_for_every_step_but_the_last(
    standing_still, make_sampling, make_classes
):
    generators, untouched = [[image_generator(0, 0, 5)] for _ in range(2)]
    modes = torch.ones(1, 1, 2, 2)
    denoise(standing_still, modes, make_classes([0]), make_sampling(), generators)
    for _ in range(1 + 49):
        torch.randn(1, 2, 2, generator=untouched[0])
    assert torch.equal(generators[0].get_state(), untouched[0].get_state())


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_at_scale_zero_samples_are_the_unguided_ones_bit_for_bit(
    sampler, make_dit, make_sampling, make_classes
):
    dit = make_dit(sampler=sampler, num_inference_steps=12)
    modes, classes = torch.randn(10, 4, 8, 8), make_classes(CLASSES)
    generators = generators_of(CLASSES, IMAGES)
    latents = torch.stack([torch.randn(4, 8, 8, generator=each) for each in generators])
    for index in range(11, -1, -1):
        step = dit.step(index, latents, torch.tensor(CLASSES))
        latents = step.prev_mean
        if index > 0:
            noise = torch.stack([torch.randn(4, 8, 8, generator=each) for each in generators])
            latents = latents + step.std * noise
    for config in (
        make_sampling(mode_guidance_scale=0, stop_guidance_step=0),
        make_sampling(mode_guidance_scale=0.1, stop_guidance_step=11),
    ):
        again = denoise(dit, modes, classes, config, generators_of(CLASSES, IMAGES))
        assert torch.equal(again, latents)
    guided = make_sampling(mode_guidance_scale=0.1, stop_guidance_step=0)
    moved = denoise(dit, modes, classes, guided, generators_of(CLASSES, IMAGES))
    assert not torch.allclose(moved, latents, atol=1e-2)


@pytest.fixture
def draw_bytes(make_dit, make_sampling, make_classes, dit_folder, make_autoencoding):
    """Draw ten guided images in batches, in some order; return the bytes of each in its place."""
    dit = make_dit(num_inference_steps=12)
    autoencoder = load_dit_autoencoder(dit_folder, make_autoencoding())
    classes = make_classes(CLASSES)
    config = make_sampling(stop_guidance_step=5)
    modes = torch.randn(10, 4, 8, 8)

    def draw(batch_size, order, seed=0):
        images = torch.zeros(10, 3, 16, 16, dtype=torch.uint8)
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            asked = [classes[row] for row in rows]
            generators = generators_of(
                [CLASSES[row] for row in rows], [IMAGES[row] for row in rows], seed
            )
            latents = denoise(dit, modes[rows], asked, config, generators)
            images[rows] = autoencoder.decode(latents)
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


@pytest.mark.parametrize("name", INITIAL_LATENTS)
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_start_and_sampler_draws_one_latent_per_mode(
    name, sampler, make_dit, make_sampling, make_classes
):
    dit = make_dit(sampler=sampler, num_inference_steps=6)
    modes, classes = torch.randn(3, 4, 8, 8), make_classes(CLASSES[:3])
    before = modes.clone()
    config = make_sampling(initial_latents=name, stop_guidance_step=2)
    draws = [
        denoise(dit, modes, classes, config, generators_of(CLASSES[:3], IMAGES[:3], seed))
        for seed in (0, 0, 1)
    ]
    assert draws[0].shape == modes.shape
    assert draws[0].isfinite().all()
    assert torch.equal(draws[0], draws[1])
    assert not torch.allclose(draws[0], draws[2], atol=1e-2)
    assert torch.equal(modes, before)


def test_sampling_draws_from_the_generators_of_the_images_alone(
    make_dit, make_sampling, make_classes
):
    dit = make_dit(num_inference_steps=6)
    state = torch.get_rng_state()
    classes, keys = make_classes(CLASSES[:2]), (CLASSES[:2], IMAGES[:2])
    modes, config = torch.zeros(2, 4, 8, 8), make_sampling(stop_guidance_step=2)
    first = denoise(dit, modes, classes, config, generators_of(*keys))
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(99)
    assert torch.equal(denoise(dit, modes, classes, config, generators_of(*keys)), first)


@pytest.mark.parametrize("shape", [(2, 4, 4, 4), (2, 3, 8, 8), (2, 8, 8), (4, 8, 8)])
def test_modes_of_another_backbone_are_refused_with_both_shapes(
    shape, make_dit, make_sampling, make_classes
):
    with pytest.raises(ValueError, match=r"modes: expected latents of shape \(4, 8, 8\).*got"):
        denoise(make_dit(), torch.zeros(shape), make_classes([6, 0]), make_sampling(), [])


@pytest.mark.parametrize(
    ("classes", "generators"), [(2, 3), (3, 2), (4, 3), (3, 4), (0, 0), (3, 1)]
)
def test_every_mode_needs_a_class_and_a_generator_of_its_own(
    classes, generators, make_dit, make_sampling, make_classes
):
    message = (
        f"expected a class and a generator for each of 3 modes, got {classes} and {generators}$"
    )
    with pytest.raises(ValueError, match=message):
        denoise(
            make_dit(),
            torch.zeros(3, 4, 8, 8),
            make_classes([0] * classes),
            make_sampling(),
            [image_generator(0, 0, image) for image in range(generators)],
        )


def test_a_class_that_the_backbone_does_not_know_is_refused_before_anything_is_drawn(
    make_dit, make_sampling, make_classes, count_rows
):
    dit = make_dit()
    rows = count_rows(dit.denoiser.transformer)
    with pytest.raises(ValueError, match=r"class n00000007 .*: expected a class_index of 0\.\.6"):
        denoise(
            dit,
            torch.zeros(2, 4, 8, 8),
            make_classes([6, 7]),
            make_sampling(),
            generators_of([6, 7], [0, 0]),
        )
    assert rows == []


@pytest.mark.parametrize(
    ("changes", "evaluations"),
    [
        ({"guidance_scale": 4.0}, 2 * 50),
        ({"guidance_scale": 0.0}, 2 * 50),
        ({"guidance_scale": 1.0}, 50),
        # Timesteps 510 ... 999 are those of the steps 25 ... 49.
        ({"cfg_from_timestep": 510}, 50 + 25),
        ({"cfg_from_timestep": 511}, 50 + 24),
        ({"cfg_from_timestep": 102, "cfg_to_timestep": 510}, 50 + 21),
        ({"guidance_scale": 1.0, "cfg_from_timestep": 510}, 50),
        ({"num_inference_steps": 10}, 2 * 10),
    ],
)
@pytest.mark.parametrize("images", [16, 32])
def test_an_image_costs_as_many_rows_as_steps_and_as_many_again_where_guided(
    images, changes, evaluations, make_dit, make_sampling, make_classes, count_rows
):
    dit = make_dit(**changes)
    rows = count_rows(dit.denoiser.transformer)
    generators = [image_generator(0, 0, image) for image in range(images)]
    modes, classes = torch.zeros(images, 4, 8, 8), make_classes([0] * images)
    denoise(dit, modes, classes, make_sampling(), generators)
    assert sum(rows) == evaluations * images
    assert len(rows) == len(dit.timesteps)


def test_keys_of_images_do_not_run_into_each_other():
    keys = [(seed, label, image) for seed in range(3) for label in range(12) for image in range(12)]
    draws = {tuple(torch.randn(4, generator=image_generator(*key)).tolist()) for key in keys}
    assert len(draws) == len(keys)


def test_double_precision_changes_nothing_but_rounding(make_sampling, make_classes):
    means = torch.randn(3, 4, 4, 4)
    modes, classes = means[torch.arange(6) % 3], make_classes([0] * 6)
    samples = []
    for dtype in (torch.float32, torch.float64):
        mixture = GaussianMixtureBackbone(
            means.to(dtype), [0.5, 0.25, 0.25], 0.2, respaced_schedule(50), SAMPLERS["ddpm"]
        )
        generators = [image_generator(0, 0, image) for image in range(6)]
        samples.append(denoise(mixture, modes.to(dtype), classes, make_sampling(), generators))
    assert torch.allclose(samples[0].double(), samples[1], atol=1e-3)
