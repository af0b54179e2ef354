import json

import pytest
import torch
from diffusers import DiTTransformer2DModel, PNDMScheduler
from safetensors.torch import load_file, save_file

from mgd3_kedro.backbones.dit import check_dit, load_dit, load_dit_autoencoder
from mgd3_kedro.backbones.schedule import TrainedSchedule, respaced_schedule

WEIGHTS = "diffusion_pytorch_model.safetensors"


@pytest.fixture
def watch():
    """Record the arguments of every call of a model."""
    handles = []

    def start(model):
        calls = []
        handles.append(
            model.register_forward_pre_hook(
                lambda module, args, kwargs: calls.append((*args, kwargs)), with_kwargs=True
            )
        )
        return calls

    yield start
    for handle in handles:
        handle.remove()


def test_the_saved_model_says_what_it_denoises(make_dit):
    dit = make_dit(num_inference_steps=20)
    assert dit.latent_shape == (4, 8, 8)
    assert dit.denoiser.num_classes == 7
    assert len(dit.timesteps) == 20
    assert dit.timesteps[::19] == (0, 999)
    assert dit.device == torch.device("cpu")
    assert not dit.denoiser.transformer.training
    parameters = dit.denoiser.transformer.parameters()
    assert not any(parameter.requires_grad for parameter in parameters)


def test_the_saved_scheduler_says_how_the_model_was_trained_not_how_it_is_sampled(
    save_dit, make_diffusion
):
    scheduler = PNDMScheduler(
        beta_schedule="scaled_linear",
        beta_start=0.00085,
        beta_end=0.012,
        timestep_spacing="trailing",
        prediction_type="v_prediction",
        steps_offset=1,
    )
    dit = load_dit(save_dit(scheduler=scheduler), make_diffusion())
    trained = TrainedSchedule(1000, "scaled_linear", 0.00085, 0.012, "v_prediction", 1)
    assert torch.equal(dit.schedule.timesteps, respaced_schedule(50).timesteps)
    expected = respaced_schedule(50, trained).alphas_cumprod
    assert torch.equal(dit.schedule.alphas_cumprod, expected)
    assert dit.schedule.prediction_type == "v_prediction"
    spaced = load_dit(save_dit(scheduler=scheduler), make_diffusion(timestep_spacing="leading"))
    assert spaced.timesteps[:2] == (1, 21)


def test_conditions_are_the_class_indices(make_dit, make_classes):
    conditions = make_dit().conditions(make_classes([6, 0, 0, 3]))
    assert conditions.dtype == torch.int64
    assert conditions.tolist() == [6, 0, 0, 3]


@pytest.mark.parametrize("patch_size", [1, 2])
@pytest.mark.parametrize("scale", [1.0, 4.0])
def test_a_sample_has_the_same_bits_in_every_batch(scale, patch_size, save_dit, make_diffusion):
    folder = save_dit(patch_size=patch_size)
    dit = load_dit(folder, make_diffusion(guidance_scale=scale))
    latents, labels = torch.randn(40, 4, 8, 8), torch.arange(40) % 7
    together = dit.step(30, latents, labels)
    for size in (1, 3, 8, 16, 17):
        rows = range(0, 40, size)
        parts = [dit.step(30, latents[i : i + size], labels[i : i + size]) for i in rows]
        assert torch.equal(torch.cat([part.prev_mean for part in parts]), together.prev_mean)
        assert torch.equal(torch.cat([part.std for part in parts]), together.std)


def test_a_model_that_predicts_variances_has_a_deviation_for_every_value(make_dit):
    step = make_dit().step(30, torch.randn(3, 4, 8, 8), torch.tensor([0, 1, 2]))
    assert step.std.shape == (3, 4, 8, 8)
    schedule = respaced_schedule(50)
    now, before = schedule.alpha_cumprod(30), schedule.alpha_cumprod(29)
    beta = 1 - now / before
    low, high = (beta * (1 - before) / (1 - now)) ** 0.5, beta**0.5
    # A random model's share is not held to -1..1, but stays near.
    assert step.std.min() > 0.5 * low
    assert step.std.max() < 2 * high
    assert step.std.std() > 0


def test_a_model_that_predicts_noise_alone_has_the_posterior_deviation(save_dit, make_diffusion):
    dit = load_dit(save_dit(out_channels=4), make_diffusion())
    step = dit.step(30, torch.randn(3, 4, 8, 8), torch.tensor([0, 1, 2]))
    schedule = respaced_schedule(50)
    now, before = schedule.alpha_cumprod(30), schedule.alpha_cumprod(29)
    expected = ((1 - now / before) * (1 - before) / (1 - now)) ** 0.5
    assert step.prev_mean.shape == (3, 4, 8, 8)
    assert step.std.flatten().tolist() == pytest.approx([expected])


@pytest.mark.parametrize("num_classes", [1, 5, 1000])
def test_the_null_class_is_the_one_after_the_models_last(
    num_classes, save_dit, make_diffusion, watch
):
    dit = load_dit(save_dit(num_classes=num_classes), make_diffusion())
    calls = watch(dit.denoiser.transformer)
    dit.step(12, torch.randn(8, 4, 8, 8), torch.zeros(8).long())
    ((latents, asked),) = calls
    assert asked["class_labels"].tolist() == [0] * 8 + [num_classes] * 8
    assert asked["timestep"].tolist() == [int(respaced_schedule(50).timesteps[12])] * 16
    assert torch.equal(latents[:8], latents[8:])


@pytest.mark.parametrize(
    ("scale", "count", "rows"),
    [(4.0, 1, 16), (4.0, 8, 16), (4.0, 9, 32), (1.0, 1, 16), (1.0, 16, 16), (1.0, 17, 32)],
)
def test_the_model_only_sees_whole_tiles_of_rows(scale, count, rows, make_dit, count_rows):
    dit = make_dit(guidance_scale=scale)
    seen = count_rows(dit.denoiser.transformer)
    step = dit.step(12, torch.randn(count, 4, 8, 8), torch.zeros(count).long())
    assert seen == [rows]
    assert len(step.prev_mean) == len(step.std) == count


def test_a_step_draws_nothing(make_dit):
    dit = make_dit()
    latents, labels = torch.randn(3, 4, 8, 8), torch.tensor([0, 1, 2])
    state = torch.get_rng_state()
    first = dit.step(30, latents, labels)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(5)
    assert torch.equal(first.prev_mean, dit.step(30, latents, labels).prev_mean)


def test_noise_is_added_at_the_level_of_the_step(make_dit):
    dit = make_dit()
    clean, noise = torch.randn(2, 2, 4, 8, 8)
    share = torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000), 0)[693]
    expected = share.sqrt() * clean + (1 - share).sqrt() * noise
    assert torch.allclose(dit.add_noise(clean, noise, 34), expected, atol=1e-5)


def test_a_pipeline_of_the_time_of_the_published_weights_loads(
    save_dit, make_diffusion, make_autoencoding, make_classes, tmp_path
):
    modern = load_dit(save_dit(folder=tmp_path), make_diffusion())
    decoder = load_dit_autoencoder(tmp_path, make_autoencoding())
    config = json.loads((tmp_path / "transformer" / "config.json").read_text())
    config |= {"_class_name": "Transformer2DModel", "_diffusers_version": "0.12.0.dev0"}
    config |= {"cross_attention_dim": None, "num_vector_embeds": None, "attention_type": "default"}
    (tmp_path / "transformer" / "config.json").write_text(json.dumps(config))
    names = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    weights = {}
    for name, tensor in load_file(tmp_path / "vae" / WEIGHTS).items():
        former = name
        for new, old in names.items():
            former = former.replace(f".{new}.", f".{old}.")
        weights[former] = tensor
    assert sum(".query." in name for name in weights) == 4
    save_file(weights, tmp_path / "vae" / WEIGHTS, metadata={"format": "pt"})
    check_dit(tmp_path, make_classes([0, 6]))
    dit = load_dit(tmp_path, make_diffusion())
    assert isinstance(dit.denoiser.transformer, DiTTransformer2DModel)
    latents, labels = torch.randn(4, 4, 8, 8), torch.tensor([0, 1, 2, 3])
    expected = modern.step(30, latents, labels).prev_mean
    assert torch.equal(dit.step(30, latents, labels).prev_mean, expected)
    decoded = load_dit_autoencoder(tmp_path, make_autoencoding()).decode(latents)
    assert torch.equal(decoded, decoder.decode(latents))
