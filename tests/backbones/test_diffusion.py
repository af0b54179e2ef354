import shutil

import pytest
import torch

from mgd3_kedro.backbones.ancestral import ancestral_step
from mgd3_kedro.backbones.dit import load_dit, load_dit_autoencoder
from mgd3_kedro.backbones.samplers import SAMPLERS
from mgd3_kedro.backbones.schedule import respaced_schedule
from mgd3_kedro.sampling import SamplingConfig, denoise, image_generator

LABELS = torch.arange(8) % 7
PULLED = SamplingConfig("noise", 1.0, 0.1, "constant", 2, None)


def total_pull_of(dit):
    latents = torch.randn(1, 4, 8, 8)
    steps = [index for index, timestep in enumerate(dit.timesteps) if timestep >= 500]
    return sum(float(dit.step(index, latents, LABELS[:1]).pull.mean()) for index in steps)


@pytest.fixture
def make_plain_dit(save_dit, make_diffusion):
    """Load a model that predicts noise alone, so that the pull is that of the schedule."""
    folder = save_dit(out_channels=4)
    return lambda **changes: load_dit(folder, make_diffusion(guidance_scale=1.0, **changes))


@pytest.mark.parametrize("sampler", ["ddpm", "ddim"])
@pytest.mark.parametrize(("steps", "reference"), [(25, 50), (10, 50), (50, 25)])
def test_the_pulls_of_other_steps_add_up_to_those_of_the_reference(
    steps, reference, sampler, make_plain_dit
):
    tuned = total_pull_of(make_plain_dit(sampler=sampler, num_inference_steps=reference))
    settings = {"sampler": sampler, "num_inference_steps": steps}
    rescaled = make_plain_dit(**settings, reference_steps=reference)
    assert total_pull_of(rescaled) == pytest.approx(tuned, rel=1e-5)
    assert total_pull_of(make_plain_dit(**settings)) != pytest.approx(tuned, rel=0.01)


@pytest.mark.parametrize(
    ("sampler", "factor"),
    # Deviations grow with the root of a step, and half as many of them add up to less; what moves a
    # deterministic sample hardly depends on their number.
    [("ddpm", 1.467), ("ddim", 0.852)],
)
def test_half_the_steps_are_made_up_for_as_the_sampler_needs_it(sampler, factor, make_plain_dit):
    dit = make_plain_dit(sampler=sampler, num_inference_steps=25, reference_steps=50)
    assert dit.pull_scale == pytest.approx(factor, abs=1e-3)


@pytest.mark.parametrize("sampler", ["ddpm", "ddim"])
def test_the_pull_of_as_many_steps_as_the_reference_is_left_alone(sampler, make_plain_dit):
    assert make_plain_dit(sampler=sampler, reference_steps=50).pull_scale == 1.0
    assert make_plain_dit(sampler=sampler).pull_scale == 1.0


def test_only_the_pull_is_rescaled(make_plain_dit):
    latents = torch.randn(8, 4, 8, 8)
    plain = make_plain_dit(num_inference_steps=25).step(20, latents, LABELS)
    rescaled = make_plain_dit(num_inference_steps=25, reference_steps=50).step(20, latents, LABELS)
    for name in ("prev_mean", "std", "pred_original_sample"):
        assert torch.equal(getattr(plain, name), getattr(rescaled, name))
    assert rescaled.pull.item() > 1.3 * plain.pull.item()


@pytest.mark.parametrize(("precision", "tolerance"), [("bf16", 0.1), ("fp16", 0.01)])
def test_half_precision_rounds_the_network_and_nothing_else(precision, tolerance, make_dit):
    full, half = make_dit(guidance_scale=1.0), make_dit(guidance_scale=1.0, precision=precision)
    latents = torch.randn(8, 4, 8, 8)
    seen = []
    hook = half.denoiser.transformer.register_forward_hook(
        lambda module, inputs, output: seen.append((inputs[0].dtype, output.sample))
    )
    step = half.step(30, latents, LABELS)
    hook.remove()
    ((given, output),) = seen
    assert given == output.dtype == half.denoiser.transformer.dtype != torch.float32
    for tensor in (step.prev_mean, step.std, step.pred_original_sample, step.pull):
        assert tensor.dtype == torch.float32
        assert tensor.isfinite().all()
    # From the network's output on everything is computed in full.
    output = output[:8].float()
    expected = ancestral_step(half.schedule, 30, latents, output[:, :4], output[:, 4:])
    assert torch.equal(step.prev_mean, expected.prev_mean)
    assert torch.equal(step.std, expected.std)
    exact = full.step(30, latents, LABELS)
    apart = (step.prev_mean - exact.prev_mean).abs().max()
    assert 1e-6 < apart < tolerance
    assert not torch.equal(step.std, exact.std)


@pytest.mark.parametrize(("precision", "tolerance"), [("bf16", 0.1), ("fp16", 0.01)])
def test_a_run_in_half_precision_ends_near_that_in_full(
    precision, tolerance, make_dit, make_classes
):
    ends = []
    for name in ("fp32", precision):
        dit = make_dit(num_inference_steps=12, precision=name)
        generators = [image_generator(0, 0, image) for image in range(8)]
        modes, classes = torch.zeros(8, 4, 8, 8), make_classes(LABELS)
        ends.append(denoise(dit, modes, classes, PULLED, generators))
    assert ends[1].dtype == torch.float32
    assert ends[1].isfinite().all()
    apart = (ends[1] - ends[0]).abs().max() / ends[0].abs().max()
    assert 1e-5 < apart < tolerance


@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize(("precision", "inside"), [("fp32", False), ("tf32", True)])
def test_tf32_is_allowed_in_the_network_alone_and_only_if_asked_for(
    precision, inside, before, make_dit, tf32_flags
):
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = before
    dit = make_dit(precision=precision)
    seen = []
    dit.denoiser.transformer.register_forward_hook(lambda *_: seen.append(tf32_flags()))
    dit.step(30, torch.randn(8, 4, 8, 8), LABELS)
    assert seen == [(inside, inside)]
    assert tf32_flags() == (before, before)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="compiling needs a compiler")
def test_a_compiled_network_makes_the_same_step(save_dit, make_diffusion):
    folder = save_dit(num_layers=1)
    latents = torch.randn(8, 4, 8, 8)
    compiled, plain = (load_dit(folder, make_diffusion(compile=each)) for each in (True, False))
    step, expected = (dit.step(30, latents, LABELS) for dit in (compiled, plain))
    assert torch.allclose(step.prev_mean, expected.prev_mean, atol=1e-4)
    assert torch.allclose(step.std, expected.std, atol=1e-4)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="compiling needs a compiler")
def test_a_compiled_autoencoder_makes_the_same_images(save_dit, make_autoencoding):
    folder = save_dit()
    compiled, plain = (
        load_dit_autoencoder(folder, make_autoencoding(compile=each)) for each in (True, False)
    )
    images = torch.randint(0, 256, (3, 3, 16, 16)).to(torch.uint8)
    latents = plain.encode(images)
    assert torch.allclose(compiled.encode(images), latents, atol=1e-4)
    apart = compiled.decode(latents).int() - plain.decode(latents).int()
    assert apart.abs().max() <= 1


@pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=SAMPLERS)
@pytest.mark.parametrize("index", [0, 10, 26, 49])
def test_a_clean_sample_that_moves_moves_the_mean_by_its_weight(sampler, index):
    schedule = respaced_schedule(50)
    alpha_bar = schedule.alpha_cumprod(index)
    latents, noise_pred, move = torch.randn(3, 2, 4, 8, 8, dtype=torch.float64)
    step = sampler(schedule, index, latents, noise_pred)
    # The noise that the moved clean sample leaves of the same noisy one.
    other = noise_pred - (alpha_bar / (1 - alpha_bar)) ** 0.5 * move
    moved = sampler(schedule, index, latents, other)
    assert torch.allclose(moved.pred_original_sample, step.pred_original_sample + move)
    assert torch.allclose(moved.prev_mean - step.prev_mean, step.clean_weight * move)
    assert step.alpha_bar == alpha_bar


@pytest.mark.parametrize(
    ("index", "weight", "std"),
    [(49, 0.00256, 0.57428), (26, 0.05334, 0.43257), (10, 0.18916, 0.25952)],
)
def test_the_weight_of_the_clean_sample_is_that_of_the_published_schedule(index, weight, std):
    step = SAMPLERS["ddpm"](respaced_schedule(50), index, *torch.zeros(2, 1, 1, 1, 1))
    assert step.clean_weight == pytest.approx(weight, abs=5e-6)
    assert float(step.std) == pytest.approx(std, abs=1e-5)
