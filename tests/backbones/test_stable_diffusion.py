import json
import logging
import re
import shutil
import sys

import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler, StableDiffusionPipeline
from safetensors.torch import load_file, save_file
from scales import scale_at

from mgd3_kedro.backbones.stable_diffusion import (
    check_stable_diffusion,
    load_stable_diffusion,
    load_stable_diffusion_autoencoder,
)
from mgd3_kedro.benchmark import ClassSpec
from mgd3_kedro.randomness import seeded_generator
from mgd3_kedro.sampling import SamplingConfig, denoise

WEIGHTS = "diffusion_pytorch_model.safetensors"
TENCH = ClassSpec(0, "n01440764", 0, "tench, Tinca tinca")
SPRINGER = ClassSpec(1, "n02102040", 217, "English springer, English springer spaniel")
CHURCH = ClassSpec(2, "n03028079", 497, "church, church building")
UNGUIDED = SamplingConfig("noise", 1.0, 0.0, "constant", 0, None)


@pytest.fixture(scope="session")
def folder(save_stable_diffusion):
    """Return a saved pipeline; not to be changed."""
    return save_stable_diffusion()


@pytest.fixture
def copy(folder, tmp_path):
    """Return a copy of the saved pipeline that may be damaged."""
    return shutil.copytree(folder, tmp_path / "copy")


@pytest.fixture
def settings(make_diffusion):
    """Return the settings of the published experiment with some fields changed."""
    published = {"timestep_spacing": "leading", "guidance_scale": 8.0, "cfg_channels": None}
    return lambda **changes: make_diffusion(**(published | changes))


@pytest.fixture
def load(folder, settings):
    """Load a saved pipeline anew with some settings changed."""
    return lambda path=folder, **changes: load_stable_diffusion(path, settings(**changes))


@pytest.fixture
def assert_refused(settings):
    """Assert that neither checking nor loading accepts a folder."""

    def check(path, error, message):
        for use in (
            lambda: check_stable_diffusion(path, [TENCH]),
            lambda: load_stable_diffusion(path, settings()),
        ):
            with pytest.raises(error, match=message) as caught:
                use()
            assert str(path) in str(caught.value)

    return check


def pipeline_of(path, scheduler=None):
    """Return diffusers' own pipeline of a folder."""
    pipeline = StableDiffusionPipeline.from_pretrained(path, local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    if scheduler:
        pipeline.scheduler = scheduler.from_config(
            pipeline.scheduler.config,
            timestep_spacing="leading",
            clip_sample=False,
            **({"set_alpha_to_one": True} if scheduler is DDIMScheduler else {}),
        )
    return pipeline


def reconfigure(file, **changes):
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def calls_of(model):
    """Return the list that every call of a model is added to."""
    calls = []
    model.register_forward_pre_hook(
        lambda module, args, kwargs: calls.append((args, kwargs)), with_kwargs=True
    )
    return calls


def publish(folder, scheduler):
    """Turn a folder into the form that Stable Diffusion 1.5 and 2.1 were published in."""
    file = folder / "text_encoder" / "model.safetensors"
    weights = {
        f"text_model.{name.removeprefix('text_model.')}": tensor
        for name, tensor in load_file(file).items()
    }
    weights["text_model.embeddings.position_ids"] = torch.arange(77)[None]
    save_file(weights, file, metadata={"format": "pt"})
    (folder / "tokenizer" / "tokenizer.json").unlink(missing_ok=True)
    special = {"bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "pad_token": "!"}
    tokenizer = special | {"model_max_length": 77, "tokenizer_class": "CLIPTokenizer"}
    (folder / "tokenizer" / "special_tokens_map.json").write_text(json.dumps(special))
    (folder / "tokenizer" / "tokenizer_config.json").write_text(json.dumps(tokenizer))
    (folder / "scheduler" / "scheduler_config.json").write_text(json.dumps(scheduler))


@pytest.mark.parametrize(
    ("sampler", "scheduler"), [("ddim", DDIMScheduler), ("ddpm", DDPMScheduler)]
)
@pytest.mark.parametrize("prediction_type", ["epsilon", "v_prediction"])
def test_unguided_samples_are_those_of_diffusers_pipeline(
    sampler, scheduler, prediction_type, copy, load
):
    reconfigure(copy / "scheduler" / "scheduler_config.json", prediction_type=prediction_type)
    classes = [TENCH, SPRINGER, CHURCH]
    backbone = load(copy, sampler=sampler, num_inference_steps=20, negative_prompt="blurry")
    generators = [seeded_generator(7, index) for index in range(3)]
    ours = denoise(backbone, torch.zeros(3, 4, 8, 8), classes, UNGUIDED, generators)
    theirs = pipeline_of(copy, scheduler)(
        [spec.class_name for spec in classes],
        negative_prompt=["blurry"] * 3,
        guidance_scale=8.0,
        num_inference_steps=20,
        generator=[seeded_generator(7, index) for index in range(3)],
        output_type="latent",
    ).images
    assert torch.allclose(ours, theirs, atol=1e-4, rtol=1e-5)
    assert not torch.allclose(ours[0], ours[1], atol=0.1)


def test_sixteen_images_of_mixed_classes_are_those_drawn_one_by_one(load):
    backbone = load(num_inference_steps=5)
    classes = [TENCH, SPRINGER, CHURCH, CHURCH] * 4
    modes = torch.randn(16, 4, 8, 8)
    guided = SamplingConfig("noise", 1.0, 0.1, "constant", None, 500)

    def draw(rows):
        generators = [seeded_generator(index) for index in range(16)[rows]]
        return denoise(backbone, modes[rows], classes[rows], guided, generators)

    alone = torch.cat([draw(slice(row, row + 1)) for row in range(16)])
    assert torch.allclose(draw(slice(16)), alone, atol=1e-5, rtol=0)


def test_the_saved_model_says_what_it_denoises(load):
    backbone = load()
    assert backbone.latent_shape == (4, 8, 8)
    assert backbone.timesteps == tuple(range(1, 1000, 20))
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
    shares = torch.cumprod(1 - betas, 0)[1::20]
    assert torch.allclose(backbone.schedule.alphas_cumprod, shares)
    for model in (backbone.denoiser.unet, backbone.denoiser.prompts.text_encoder):
        assert not model.training
        assert not any(parameter.requires_grad for parameter in model.parameters())


def test_guidance_stopped_at_timestep_500_guides_25_of_50_steps(load):
    backbone = load()
    config = SamplingConfig("noise", 1.0, 0.1, "constant", None, 500)
    scales = [scale_at(config, index, backbone.timesteps) for index in range(50)]
    assert scales == [0.0] * 25 + [0.1] * 25
    assert len(config.guided_steps(backbone.timesteps)) == 25


@pytest.mark.parametrize("masked", [False, True])
def test_prompts_are_encoded_as_diffusers_does(masked, copy, load):
    reconfigure(copy / "text_encoder" / "config.json", use_attention_mask=masked)
    backbone = load(copy, prompt_template="a photo of {class_name}.", negative_prompt="blurry")
    asked = backbone.conditions([TENCH, CHURCH, TENCH])
    assert asked.shape == (3, 77, 16)
    prompts = ["a photo of tench, Tinca tinca.", "a photo of church, church building."]
    pipeline = pipeline_of(copy)
    for row, prompt in enumerate([*prompts, prompts[0]]):
        expected, unasked = pipeline.encode_prompt(prompt, "cpu", 1, True, "blurry")
        assert torch.equal(asked[row], expected[0])
        assert torch.equal(backbone.denoiser.null_condition(), unasked)
    plain, _ = pipeline.encode_prompt("tench, Tinca tinca", "cpu", 1, False)
    assert not torch.allclose(asked[0], plain[0], atol=0.1)


def test_a_mask_of_the_padding_changes_the_embeddings(copy, load):
    plain = load(copy).conditions([TENCH])
    reconfigure(copy / "text_encoder" / "config.json", use_attention_mask=True)
    assert not torch.allclose(load(copy).conditions([TENCH]), plain, atol=0.1)


def test_every_prompt_is_encoded_once_and_by_itself(load):
    backbone = load(num_inference_steps=5, negative_prompt="blurry")
    calls = calls_of(backbone.denoiser.prompts.text_encoder)
    classes = [TENCH, SPRINGER, TENCH, CHURCH]
    for _ in range(2):
        generators = [seeded_generator(index) for index in range(4)]
        denoise(backbone, torch.zeros(4, 4, 8, 8), classes, UNGUIDED, generators)
    assert [len(args[0]) for args, _ in calls] == [1] * 4
    assert torch.equal(backbone.conditions(classes)[3:], load().conditions([CHURCH]))


def test_the_negative_prompt_stands_for_no_class(load):
    backbone = load(negative_prompt="blurry")
    calls = calls_of(backbone.denoiser.unet)
    conditions = backbone.conditions([TENCH, CHURCH])
    backbone.step(30, torch.randn(2, 4, 8, 8), conditions)
    ((_, asked),) = calls
    conditional, unconditional = asked["encoder_hidden_states"].chunk(2)
    assert torch.equal(conditional[:2], conditions)
    expected = load().denoiser.prompts.encode("blurry")
    assert torch.equal(unconditional, expected.expand_as(unconditional))


def test_a_class_name_with_braces_is_a_prompt_like_any_other(load):
    backbone = load(prompt_template="{ {class_name} }")
    odd = ClassSpec(0, "odd", 0, "thing {0}")
    expected = backbone.denoiser.prompts.encode("{ thing {0} }")
    assert torch.equal(backbone.conditions([odd]), expected)


def test_what_is_cut_off_a_long_prompt_is_said_once(load, caplog):
    backbone = load()
    long = ClassSpec(0, "long", 0, "a " * 75 + "b c")
    with caplog.at_level(logging.WARNING, logger="mgd3_kedro"):
        conditions = backbone.conditions([long, TENCH])
        backbone.conditions([long])
    (record,) = caplog.records
    assert record.getMessage() == (
        f"the prompt {long.class_name!r} has 79 tokens, of which the text encoder reads 77; "
        "cut off: 'b c'"
    )
    assert torch.equal(conditions[:1], backbone.denoiser.prompts.encode("a " * 75))


def test_a_prompt_that_just_fits_is_not_warned_of(load, caplog):
    with caplog.at_level(logging.WARNING, logger="mgd3_kedro"):
        load().denoiser.prompts.encode("a " * 75)
    assert not caplog.records


def test_a_tokenizer_without_a_limit_is_held_to_that_of_the_text_encoder(copy, load):
    file = copy / "tokenizer" / "tokenizer_config.json"
    values = json.loads(file.read_text())
    del values["model_max_length"]
    file.write_text(json.dumps(values))
    assert load(copy).conditions([TENCH]).shape == (1, 77, 16)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_prompts_are_encoded_in_the_configured_precision(precision, load):
    backbone = load(precision=precision)
    conditions = backbone.conditions([TENCH])
    assert conditions.dtype == backbone.denoiser.unet.dtype != torch.float32
    error = conditions.float() - load().conditions([TENCH])
    assert 0 < error.abs().mean() < 0.05
    step = backbone.step(30, torch.randn(1, 4, 8, 8), conditions)
    assert step.prev_mean.dtype == torch.float32
    assert step.prev_mean.isfinite().all()


def test_latents_are_encoded_as_the_mean_or_drawn_from_the_posterior(folder, make_autoencoding):
    autoencoder = load_stable_diffusion_autoencoder(folder, make_autoencoding())
    images = torch.randint(0, 256, (2, 3, 16, 16)).to(torch.uint8)
    posterior = pipeline_of(folder).vae.encode(images / 127.5 - 1).latent_dist
    mean = autoencoder.encode(images)
    assert torch.allclose(mean, 0.18215 * posterior.mean, atol=1e-5)
    drawn = autoencoder.encode(images, [seeded_generator(index) for index in range(2)])
    noise = [torch.randn(4, 8, 8, generator=seeded_generator(index)) for index in range(2)]
    expected = 0.18215 * (posterior.mean + posterior.std * torch.stack(noise))
    assert torch.allclose(drawn, expected, atol=1e-5)
    assert not torch.allclose(drawn, mean, atol=1e-2)


def test_images_of_another_size_are_resized_on_the_way(folder, make_autoencoding):
    autoencoder = load_stable_diffusion_autoencoder(folder, make_autoencoding())
    assert autoencoder.image_size == 16
    latents = autoencoder.encode(torch.randint(0, 256, (2, 3, 40, 40)).to(torch.uint8))
    assert latents.shape == (2, 4, 8, 8)
    assert autoencoder.decode(latents).shape == (2, 3, 16, 16)
    assert autoencoder.decode(latents, 9).shape == (2, 3, 9, 9)


@pytest.mark.parametrize(
    ("scheduler", "prediction_type", "first"),
    [
        (
            {
                "_class_name": "PNDMScheduler",
                "_diffusers_version": "0.6.0",
                "set_alpha_to_one": False,
                "skip_prk_steps": True,
                "steps_offset": 1,
            },
            "epsilon",
            1,
        ),
        (
            {
                "_class_name": "DDPMScheduler",
                "_diffusers_version": "0.10.0",
                "prediction_type": "v_prediction",
                "variance_type": "fixed_small",
            },
            "v_prediction",
            0,
        ),
    ],
)
def test_a_pipeline_in_the_form_of_the_published_ones_loads(
    scheduler, prediction_type, first, copy, load
):
    modern = load(copy)
    levels = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012}
    publish(copy, scheduler | levels | {"trained_betas": None, "clip_sample": False})
    check_stable_diffusion(copy, [TENCH])
    published = load(copy)
    assert published.schedule.prediction_type == prediction_type
    assert published.timesteps[0] == first
    tokenizer = published.denoiser.prompts.tokenizer
    assert tokenizer("thing").input_ids == modern.denoiser.prompts.tokenizer("thing").input_ids
    assert tokenizer("thing", padding="max_length").input_ids[-1] == 0
    ours = modern.denoiser.prompts.text_encoder.state_dict()
    theirs = published.denoiser.prompts.text_encoder.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(tensor, theirs[name]) for name, tensor in ours.items())


def test_a_safety_checker_is_neither_needed_nor_read(copy):
    checker = ["stable_diffusion", "StableDiffusionSafetyChecker"]
    reconfigure(copy / "model_index.json", safety_checker=checker)
    (copy / "safety_checker").mkdir()
    (copy / "safety_checker" / "pytorch_model.bin").write_bytes(b"not read")
    check_stable_diffusion(copy, [TENCH])


def test_without_transformers_one_is_told_what_to_install(folder, assert_refused, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    message = re.escape("install it with: pip install 'mgd3_kedro[text]'")
    assert_refused(folder, ModuleNotFoundError, message)


def test_the_autoencoder_does_without_transformers(folder, make_autoencoding, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    assert load_stable_diffusion_autoencoder(folder, make_autoencoding()).image_size == 16


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"in_channels": 9}, "expected in_channels 4, .*got 9; .*inpainting"),
        ({"out_channels": 8}, "expected out_channels 4, .*got 8; "),
        ({"cross_attention_dim": 24}, "expected cross_attention_dim 16, .*got 24; take both from"),
        ({"sample_size": (8, 16)}, r"expected sample_size to be one .*got \[8, 16\]; take"),
        ({"num_class_embeds": 10}, "expected num_class_embeds to be null, .*got 10; use a plain"),
        ({"class_embed_type": "timestep"}, "expected class_embed_type .*got 'timestep'; use"),
        ({"time_cond_proj_dim": 8}, "expected time_cond_proj_dim .*got 8; use"),
        ({"encoder_hid_dim": 24}, "expected encoder_hid_dim .*got 24; use"),
        (
            {
                "addition_embed_type": "text_time",
                "addition_time_embed_dim": 8,
                "projection_class_embeddings_input_dim": 64,
            },
            "expected addition_embed_type .*got 'text_time'; use",
        ),
    ],
)
def test_a_model_that_needs_more_than_a_prompt_is_refused(
    change, message, save_stable_diffusion, assert_refused
):
    path = save_stable_diffusion(unet=change)
    assert_refused(path, ValueError, re.escape(f"{path}/unet/config.json: ") + message)


@pytest.mark.parametrize(
    "file",
    [
        f"vae/{WEIGHTS}",
        f"unet/{WEIGHTS}",
        "unet/config.json",
        "scheduler/scheduler_config.json",
        "text_encoder/model.safetensors",
        "text_encoder/config.json",
    ],
)
def test_a_missing_file_is_named(file, copy, assert_refused):
    (copy / file).unlink()
    assert_refused(copy, FileNotFoundError, re.escape(f"{file}, found no such file"))


@pytest.mark.parametrize("left", ["vocab.json", "merges.txt", "none"])
def test_a_tokenizer_without_its_vocabulary_is_refused(left, copy, assert_refused):
    for file in ("tokenizer.json", "vocab.json", "merges.txt"):
        if file != left:
            (copy / "tokenizer" / file).unlink(missing_ok=True)
    message = "expected tokenizer.json or vocab.json and merges.txt in .*/tokenizer, found neither"
    assert_refused(copy, FileNotFoundError, message)


def test_a_vocabulary_that_cannot_be_read_is_named(copy, assert_refused):
    for file in ("tokenizer.json", "vocab.json"):
        (copy / "tokenizer" / file).write_text("{")
    assert_refused(copy, ValueError, "/tokenizer: not a CLIPTokenizer: ")


def test_a_tokenizer_of_another_text_encoder_is_refused(save_stable_diffusion, assert_refused):
    path = save_stable_diffusion(text={"vocab_size": 100})
    message = "/tokenizer: expected no more tokens than vocab_size, 100, in .*, got 194; take both"
    assert_refused(path, ValueError, message)


@pytest.mark.parametrize(
    ("change", "parameter"),
    [({"num_hidden_layers": 3}, "encoder.layers.2."), ({"hidden_size": 18}, "token_embedding")],
)
def test_a_text_encoder_of_another_size_than_configured_is_refused(
    change, parameter, copy, assert_refused
):
    reconfigure(copy / "text_encoder" / "config.json", **change)
    file = re.escape("text_encoder/model.safetensors: expected ")
    assert_refused(copy, ValueError, f"{file}.*{re.escape(parameter)}.* got ")


def test_a_text_encoder_with_a_parameter_too_many_is_refused(copy, assert_refused):
    file = copy / "text_encoder" / "model.safetensors"
    save_file(load_file(file) | {"text_projection.weight": torch.zeros(2, 2)}, file)
    assert_refused(copy, ValueError, "expected no parameter beyond .*got text_projection.weight")


@pytest.mark.parametrize(
    ("file", "pickle"),
    [
        (f"unet/{WEIGHTS}", "diffusion_pytorch_model.bin"),
        ("text_encoder/model.safetensors", "pytorch_model.bin"),
    ],
)
def test_weights_that_are_a_pickle_are_refused(file, pickle, copy, assert_refused):
    weights = copy / file
    weights.rename(weights.with_name(pickle))
    assert_refused(copy, ValueError, f"{pickle}: expected safetensors, got a pickle.* convert it")


def test_a_class_without_a_name_has_no_prompt(folder):
    with pytest.raises(ValueError, match=r"class n0: expected a class_name.*got ' '; add it to"):
        check_stable_diffusion(folder, [TENCH, ClassSpec(1, "n0", 1, " ")])
