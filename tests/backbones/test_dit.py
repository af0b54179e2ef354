import json

import pytest
import torch
from diffusers import DiTTransformer2DModel
from safetensors.torch import load_file, save_file

from mgd3_kedro.backbones.dit import check_dit, load_dit
from mgd3_kedro.backbones.schedule import respaced_schedule

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
    assert dit.num_classes == 7
    assert dit.num_inference_steps == 20
    assert not dit.transformer.training
    assert not any(parameter.requires_grad for parameter in dit.transformer.parameters())


def test_the_saved_scheduler_is_not_what_samples(make_dit):
    assert torch.equal(make_dit().schedule.timesteps, respaced_schedule(50).timesteps)


@pytest.mark.parametrize("sampler", ["ddpm", "ddim"])
@pytest.mark.parametrize("scale", [1.0, 4.0])
def test_seven_images_of_mixed_classes_step_as_each_would_alone(sampler, scale, make_dit):
    dit = make_dit(sampler=sampler, guidance_scale=scale)
    latents, labels = torch.randn(7, 4, 8, 8), torch.tensor([6, 0, 3, 3, 1, 5, 2])
    together = dit.step(30, latents, labels)
    assert together.prev_mean.shape == together.pred_original_sample.shape == latents.shape
    for row in range(7):
        one = slice(row, row + 1)
        alone = dit.step(30, latents[one], labels[one])
        assert torch.allclose(together.prev_mean[one], alone.prev_mean, atol=1e-5, rtol=0)
        clean = together.pred_original_sample[one]
        assert torch.allclose(clean, alone.pred_original_sample, atol=1e-5, rtol=1e-6)
        std = together.std.expand(7, *together.std.shape[1:])[one]
        assert torch.allclose(std, alone.std, atol=1e-5, rtol=0)


def test_the_class_decides_the_step(make_dit):
    latents = torch.randn(1, 4, 8, 8).expand(2, -1, -1, -1)
    step = make_dit().step(30, latents, torch.tensor([1, 4]))
    assert not torch.allclose(step.prev_mean[0], step.prev_mean[1], atol=1e-4)


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
    calls = watch(dit.transformer)
    dit.step(12, torch.randn(4, 4, 8, 8), torch.zeros(4).long())
    ((latents, asked),) = calls
    assert asked["class_labels"].tolist() == [0] * 4 + [num_classes] * 4
    assert asked["timestep"].tolist() == [int(respaced_schedule(50).timesteps[12])] * 8
    assert torch.equal(latents[:4], latents[4:])


@pytest.mark.parametrize(("count", "rows"), [(1, 8), (4, 8), (5, 16)])
def test_the_model_only_sees_whole_tiles_of_rows(count, rows, make_dit, watch):
    dit = make_dit()
    calls = watch(dit.transformer)
    step = dit.step(12, torch.randn(count, 4, 8, 8), torch.zeros(count).long())
    ((latents, _),) = calls
    assert len(latents) == rows
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


def test_a_pipeline_of_the_time_of_the_published_weights_loads(save_dit, make_diffusion, tmp_path):
    modern = load_dit(save_dit(folder=tmp_path), make_diffusion())
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
    check_dit(tmp_path)
    dit = load_dit(tmp_path, make_diffusion())
    assert isinstance(dit.transformer, DiTTransformer2DModel)
    latents, labels = torch.randn(4, 4, 8, 8), torch.tensor([0, 1, 2, 3])
    expected = modern.step(30, latents, labels).prev_mean
    assert torch.equal(dit.step(30, latents, labels).prev_mean, expected)
    decoded = modern.autoencoder.decode(latents)
    assert torch.equal(dit.autoencoder.decode(latents), decoded)
