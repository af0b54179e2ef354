import json
import re
import shutil

import pytest
import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    DDPMScheduler,
    UNet2DConditionModel,
    UNet2DModel,
    VQModel,
)

from mgd3_kedro.backbones.latent_diffusion import (
    LatentDiffusionDenoiser,
    check_latent_diffusion,
    load_latent_diffusion,
    load_latent_diffusion_autoencoder,
)
from mgd3_kedro.sampling import SamplingConfig, denoise

KINDS = ("attention", "labels")
MIXED = [3, 0, 6, 3, 1, 0, 5, 2, 4, 6, 6, 1, 0, 3, 2, 5]
BETAS = {"beta_schedule": "scaled_linear", "beta_start": 0.0015, "beta_end": 0.0195}
UNGUIDED = SamplingConfig(
    initial_latents="noise",
    noise_strength=1.0,
    mode_guidance_scale=0.0,
    mode_guidance_schedule="constant",
    stop_guidance_step=0,
    stop_guidance_timestep=None,
)


def generators(count):
    return [torch.Generator().manual_seed(seed) for seed in range(count)]


def load_prediction(folder, kind):
    """Return what diffusers' own model says to latents, a timestep and class indices."""
    if kind == "labels":
        by_labels = UNet2DModel.from_pretrained(folder / "unet")
        return lambda latents, timestep, indices: (
            by_labels(latents, timestep, class_labels=torch.tensor(indices)).sample
        )
    unet = UNet2DConditionModel.from_pretrained(folder / "unet")
    rows = torch.eye(unet.config.encoder_hid_dim)[:, None]
    return lambda latents, timestep, indices: (
        unet(latents, timestep, encoder_hidden_states=rows[indices]).sample
    )


def reconfigure(file, **changes):
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


@pytest.fixture
def folder(save_latent_diffusion, tmp_path):
    """Return a saved pipeline that may be damaged."""
    return save_latent_diffusion(folder=tmp_path / "copy")


@pytest.fixture
def assert_refused(make_diffusion):
    """Assert that neither checking nor loading accepts a folder."""

    def check(folder, message, error=ValueError):
        for use in (
            lambda: check_latent_diffusion(folder, ()),
            lambda: load_latent_diffusion(folder, make_diffusion()),
        ):
            with pytest.raises(error, match=message) as caught:
                use()
            assert str(folder) in str(caught.value)

    return check


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("sampler", "spacing", "scheduler"),
    [
        ("ddpm", "linspace", DDPMScheduler(variance_type="fixed_small", **BETAS)),
        ("ddim", "leading", DDIMScheduler(timestep_spacing="leading", **BETAS)),
    ],
)
def test_unguided_samples_are_those_of_diffusers(
    kind, sampler, spacing, scheduler, save_latent_diffusion, make_diffusion, make_classes
):
    folder = save_latent_diffusion(kind=kind)
    config = make_diffusion(
        sampler=sampler,
        num_inference_steps=10,
        timestep_spacing=spacing,
        guidance_scale=3.0,
        cfg_channels=None,
    )
    backbone = load_latent_diffusion(folder, config)
    modes, classes = torch.zeros(3, 4, 8, 8), [2, 5, 0]
    made = denoise(backbone, modes, make_classes(classes), UNGUIDED, generators(3))

    settings = {"clip_sample": False, "timestep_spacing": spacing}
    scheduler = type(scheduler).from_config(scheduler.config, **settings)
    scheduler.set_timesteps(10)
    noise, predict = generators(3), load_prediction(folder, kind)
    latents = torch.stack([torch.randn(4, 8, 8, generator=one) for one in noise])
    with torch.no_grad():
        for timestep in scheduler.timesteps:
            told = predict(latents, timestep, classes)
            free = predict(latents, timestep, [7, 7, 7])
            noise_pred = free + 3.0 * (told - free)
            latents = scheduler.step(noise_pred, timestep, latents, generator=noise).prev_sample
    # An untrained network leaves latents far from unit variance.
    assert (made - latents).abs().max() < 1e-5 * latents.std()


@pytest.mark.parametrize("kind", KINDS)
def test_sixteen_samples_of_mixed_classes_are_those_that_each_would_be_alone(
    kind, save_latent_diffusion, make_diffusion, make_classes
):
    config = make_diffusion(num_inference_steps=4, guidance_scale=4.0)
    backbone = load_latent_diffusion(save_latent_diffusion(kind=kind), config)
    modes, classes = torch.zeros(16, 4, 8, 8), make_classes(MIXED)
    together = denoise(backbone, modes, classes, UNGUIDED, generators(16))
    for row, generator in enumerate(generators(16)):
        one = slice(row, row + 1)
        alone = denoise(backbone, modes[one], classes[one], UNGUIDED, [generator])
        assert torch.allclose(together[one], alone, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("num_embeddings", [2, 8])
def test_the_null_class_is_the_last_embedding(
    kind, num_embeddings, save_latent_diffusion, make_diffusion, make_classes
):
    folder = save_latent_diffusion(kind=kind, num_embeddings=num_embeddings)
    backbone = load_latent_diffusion(folder, make_diffusion(guidance_scale=0.0, cfg_channels=None))
    assert backbone.denoiser.null_condition().tolist() == [num_embeddings - 1]
    latents = torch.randn(2, 4, 8, 8)
    # Of nothing but the null class is left at a scale of 0.
    step = backbone.step(30, latents, backbone.conditions(make_classes([0, 0])))
    predict = load_prediction(folder, kind)
    with torch.no_grad():
        noise_pred = predict(latents, backbone.timesteps[30], [num_embeddings - 1] * 2)
    share = backbone.schedule.alpha_cumprod(30)
    clean = (latents - (1 - share) ** 0.5 * noise_pred) / share**0.5
    assert torch.allclose(step.pred_original_sample, clean, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_a_class_is_known_up_to_the_one_before_the_null_class(
    kind, save_latent_diffusion, make_diffusion, make_classes
):
    folder = save_latent_diffusion(kind=kind)
    backbone = load_latent_diffusion(folder, make_diffusion())
    assert backbone.conditions(make_classes([6, 0])).tolist() == [6, 0]
    check_latent_diffusion(folder, make_classes([6, 0]))
    for use in (backbone.conditions, lambda classes: check_latent_diffusion(folder, classes)):
        with pytest.raises(ValueError, match=r"expected a class_index of 0\.\.6, .* got 7"):
            use(make_classes([0, 7]))


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_that_predicts_variances_has_a_deviation_for_every_value(
    kind, save_latent_diffusion, make_diffusion, make_classes
):
    folder = save_latent_diffusion(kind=kind, unet={"out_channels": 8})
    backbone = load_latent_diffusion(folder, make_diffusion())
    step = backbone.step(30, torch.randn(3, 4, 8, 8), backbone.conditions(make_classes([0, 1, 2])))
    assert step.std.shape == (3, 4, 8, 8)
    assert step.std.std() > 0


@pytest.mark.parametrize("kind", KINDS)
def test_half_precision_predicts_nearly_the_same(
    kind, save_latent_diffusion, make_diffusion, make_classes
):
    folder, latents = save_latent_diffusion(kind=kind), torch.randn(2, 4, 8, 8)
    steps = []
    for precision in ("fp32", "bf16"):
        backbone = load_latent_diffusion(folder, make_diffusion(precision=precision))
        steps.append(backbone.step(40, latents, backbone.conditions(make_classes([1, 4]))))
    difference = (steps[0].prev_mean - steps[1].prev_mean).abs().max()
    assert 0 < difference < 0.05
    assert steps[1].prev_mean.dtype == torch.float32


def test_a_codebook_is_looked_up_after_the_latents_are_unscaled(
    save_latent_diffusion, make_autoencoding
):
    folder = save_latent_diffusion()
    autoencoder = load_latent_diffusion_autoencoder(folder, make_autoencoding())
    vqvae = VQModel.from_pretrained(folder / "vqvae")
    images = torch.randint(0, 256, (3, 3, 16, 16)).to(torch.uint8)
    latents = autoencoder.encode(images)
    with torch.no_grad():
        encoded = vqvae.encode(images.float() / 127.5 - 1).latents
        decoded = vqvae.decode(encoded).sample
        entries = vqvae.quantize(encoded)[0]
    assert torch.allclose(latents, 0.5 * encoded, atol=1e-5)
    made = autoencoder.decode(latents)
    assert (made.float() - (decoded.clamp(-1, 1) + 1) * 127.5).abs().max() < 0.51
    # Latents are not quantised before: what is decoded is the nearest entry of the codebook.
    assert not torch.allclose(encoded, entries, atol=1e-2)
    assert torch.equal(autoencoder.decode(0.5 * entries), made)


@pytest.mark.parametrize("codebook", [True, False])
@pytest.mark.parametrize("levels", [1, 2, 3])
def test_the_side_of_images_follows_from_that_of_latents_and_the_levels(
    codebook, levels, save_latent_diffusion, make_autoencoding
):
    vae = {
        "down_block_types": ("DownEncoderBlock2D",) * levels,
        "up_block_types": ("UpDecoderBlock2D",) * levels,
        "block_out_channels": (8,) * levels,
    }
    folder = save_latent_diffusion(codebook=codebook, vae=vae)
    autoencoder = load_latent_diffusion_autoencoder(folder, make_autoencoding())
    assert autoencoder.image_size == 8 * 2 ** (levels - 1)
    images = autoencoder.decode(torch.randn(2, 4, 8, 8))
    assert images.shape == (2, 3, autoencoder.image_size, autoencoder.image_size)
    assert autoencoder.encode(images).shape == (2, 4, 8, 8)


def test_an_autoencoder_of_either_kind_may_be_in_either_folder(
    save_latent_diffusion, make_autoencoding, make_classes, tmp_path
):
    for number, (codebook, name, kind) in enumerate(
        (codebook, name, kind)
        for codebook, kind in ((True, VQModel), (False, AutoencoderKL))
        for name in ("vqvae", "vae")
    ):
        folder = save_latent_diffusion(codebook=codebook, folder=tmp_path / str(number))
        (folder / "vqvae").rename(folder / name)
        check_latent_diffusion(folder, make_classes([1]))
        assert isinstance(load_latent_diffusion_autoencoder(folder, make_autoencoding()).vae, kind)


def test_a_codebook_of_wider_entries_than_the_encoder_gives_wider_latents(
    save_latent_diffusion, make_autoencoding
):
    folder = save_latent_diffusion(vae={"latent_channels": 3, "vq_embed_dim": 4})
    check_latent_diffusion(folder, ())
    autoencoder = load_latent_diffusion_autoencoder(folder, make_autoencoding())
    assert autoencoder.decode(torch.randn(1, 4, 8, 8)).shape == (1, 3, 16, 16)


def test_the_noise_levels_are_those_of_the_scheduler(save_latent_diffusion, make_diffusion):
    backbone = load_latent_diffusion(save_latent_diffusion(), make_diffusion())
    shares = DDPMScheduler(**BETAS).alphas_cumprod
    expected = [float(shares[timestep]) for timestep in backbone.timesteps]
    assert backbone.schedule.alphas_cumprod.tolist() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "labels", "num_embeddings": None}, "expected num_class_embeds, .* got None"),
        ({"kind": "labels", "num_embeddings": 1}, "expected num_class_embeds, .* got 1"),
        (
            {"unet": {"encoder_hid_dim": None, "encoder_hid_dim_type": None}},
            r"expected encoder_hid_dim, .* got None; .* text-to-image .* stable_diffusion",
        ),
        ({"num_embeddings": 1}, "expected encoder_hid_dim, .* got 1"),
        ({"unet": {"num_class_embeds": 8}}, "expected num_class_embeds to be null, .* got 8"),
        (
            {"unet": {"addition_embed_type": "text"}},
            "expected addition_embed_type to be null, .* got 'text'",
        ),
        (
            {"kind": "labels", "unet": {"class_embed_type": "timestep"}},
            "expected class_embed_type to be null, .* got 'timestep'",
        ),
        (
            {"unet": {"encoder_hid_dim_type": "image_proj"}},
            "expected encoder_hid_dim_type 'text_proj', .* got 'image_proj'",
        ),
        ({"unet": {"in_channels": 8}}, "expected in_channels 4, .* vqvae have 4 .* got 8"),
        ({"unet": {"out_channels": 3}}, "expected out_channels 4 or 8, .* got 3"),
        ({"unet": {"sample_size": (8, 16)}}, r"expected sample_size .* got \[8, 16\]"),
        ({"kind": "labels", "unet": {"sample_size": None}}, "expected sample_size .* got None"),
    ],
)
def test_a_unet_conditioned_otherwise_or_of_another_shape_is_refused_by_its_setting(
    options, message, save_latent_diffusion, assert_refused
):
    folder = save_latent_diffusion(**options)
    assert_refused(folder, rf"unet/config\.json: {message}")


@pytest.mark.parametrize(
    ("part", "change", "message"),
    [
        (
            "unet",
            {"_class_name": "Transformer2DModel"},
            "unknown _class_name 'Transformer2DModel': expected .*UNet2DModel",
        ),
        ("unet", {"_class_name": None}, "unknown _class_name 'None'"),
        ("vqvae", {"_class_name": "VAE"}, "unknown _class_name 'VAE': expected .*VQModel"),
    ],
)
def test_a_part_of_another_class_is_refused(part, change, message, folder, assert_refused):
    reconfigure(folder / part / "config.json", **change)
    assert_refused(folder, rf"{part}/config\.json: {message}")


@pytest.mark.parametrize("content", ["", "[]", '"UNet2DModel"', "\0"])
def test_a_configuration_that_is_none_is_refused(content, folder, assert_refused):
    (folder / "unet" / "config.json").write_text(content)
    assert_refused(folder, r"unet/config\.json: ")


@pytest.mark.parametrize("part", ["unet", "vqvae"])
def test_weights_of_another_size_than_configured_are_refused(part, folder, assert_refused):
    reconfigure(folder / part / "config.json", block_out_channels=[16, 16])
    assert_refused(folder, rf"{part}/diffusion_pytorch_model\.safetensors: expected ")


def test_a_pickle_is_refused_with_the_command_that_converts_it(folder, assert_refused):
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    command = re.escape(f"kedro convert-model {folder} TARGET")
    assert_refused(folder, rf"diffusion_pytorch_model\.bin: .*{command}")


def test_a_text_encoder_beside_the_unet_is_refused(folder, assert_refused):
    (folder / "text_encoder").mkdir()
    assert_refused(folder, "text_encoder: expected no text encoder, .* stable_diffusion")


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("vqvae", "expected an autoencoder in .*vqvae or .*/vae, found neither"),
        ("unet/config.json", r"expected .*unet/config\.json, found no such file"),
        ("scheduler", r"scheduler_config\.json, found no such file"),
    ],
)
def test_a_missing_part_is_named(missing, message, folder, assert_refused):
    path = folder / missing
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert_refused(folder, message, FileNotFoundError)


def test_an_image_has_the_same_bits_in_a_batch_of_any_size():
    torch.manual_seed(0)
    unet = UNet2DModel(
        sample_size=8,
        in_channels=4,
        out_channels=4,
        block_out_channels=(16, 32),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D"),
        norm_num_groups=8,
        num_class_embeds=8,
    )
    denoiser = LatentDiffusionDenoiser(unet.eval())
    latents, classes = torch.randn(112, 4, 8, 8), torch.arange(112) % 8
    timesteps = torch.full((112,), 300)
    with torch.no_grad():
        together = denoiser.predict(latents, timesteps, classes)
        for size in (16, 48, 64):
            of_size = denoiser.predict(latents[:size], timesteps[:size], classes[:size])
            assert torch.equal(of_size, together[:size])
