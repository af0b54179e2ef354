import shutil
from pathlib import Path

import pytest
import torch

from mgd3_kedro.backbones import BACKBONES, check_backbone, load_autoencoder, load_backbone
from mgd3_kedro.benchmark import ClassSpec
from mgd3_kedro.records import ModelFolder

SAVED = {
    "dit": "save_dit",
    "stable_diffusion": "save_stable_diffusion",
    "latent_diffusion": "save_latent_diffusion",
}
"""Name of a family -> fixture that saves a tiny model of it: latents (4, 8, 8), images of 16."""
CLOSED = ("dit", "latent_diffusion")
"""Families with a label space, which a class can be outside of."""
CLASSES = [3, 0, 6, 3, 1, 0, 5, 2, 4, 6, 6, 1, 0, 3, 2, 5]
"""Class indices of sixteen samples."""


@pytest.fixture
def save(request):
    """Return what saves a tiny model of a family."""

    def save_model(name, fingerprint, **changes):
        return ModelFolder(request.getfixturevalue(SAVED[name])(**changes), fingerprint, name)

    return save_model


@pytest.mark.parametrize("name", BACKBONES)
def test_every_backbone_keeps_the_contract(name, save, make_diffusion, make_classes):
    model, classes = save(name, "contract"), make_classes(CLASSES[:3])
    check_backbone(model, classes)
    backbone = load_backbone(model, make_diffusion(num_inference_steps=6))
    assert backbone.latent_shape == (4, 8, 8)
    assert backbone.device == torch.device("cpu")
    assert len(backbone.timesteps) == 6
    assert all(isinstance(timestep, int) for timestep in backbone.timesteps)
    assert backbone.timesteps == tuple(sorted(set(backbone.timesteps)))
    conditions = backbone.conditions(classes)
    assert len(conditions) == 3
    latents = torch.randn(3, 4, 8, 8)
    for index in reversed(range(6)):
        step = backbone.step(index, latents, conditions)
        assert step.prev_mean.shape == step.pred_original_sample.shape == latents.shape
        assert torch.broadcast_shapes(step.std.shape, latents.shape) == latents.shape
        assert torch.broadcast_shapes(step.pull.shape, latents.shape) == latents.shape
        assert (step.std >= 0).all()
        assert (index == 0) == bool((step.std == 0).all())
        latents = step.prev_mean
    assert latents.isfinite().all()
    # At the last step nothing is left to draw.
    assert torch.allclose(step.prev_mean, step.pred_original_sample)


@pytest.mark.parametrize("name", BACKBONES)
def test_the_later_a_step_the_less_noise_is_added(name, save, make_diffusion):
    backbone = load_backbone(save(name, "noise"), make_diffusion(num_inference_steps=6))
    ones, zeros = torch.ones(3, 4, 8, 8), torch.zeros(3, 4, 8, 8)
    signal = torch.stack([backbone.add_noise(ones, zeros, index) for index in range(6)])
    noise = torch.stack([backbone.add_noise(zeros, ones, index) for index in range(6)])
    assert (signal.diff(dim=0) < 0).all()
    assert (noise.diff(dim=0) > 0).all()
    assert torch.allclose(signal.square() + noise.square(), torch.ones(()))


@pytest.mark.parametrize("name", BACKBONES)
@pytest.mark.parametrize("sampler", ["ddpm", "ddim"])
def test_sixteen_samples_of_mixed_classes_step_as_each_would_alone(
    name, sampler, save, make_diffusion, make_classes
):
    backbone = load_backbone(save(name, "mixed"), make_diffusion(sampler=sampler))
    latents, classes = torch.randn(16, 4, 8, 8), make_classes(CLASSES)
    together = backbone.step(30, latents, backbone.conditions(classes))
    for row in range(16):
        one = slice(row, row + 1)
        alone = backbone.step(30, latents[one], backbone.conditions(classes[one]))
        assert torch.allclose(together.prev_mean[one], alone.prev_mean, atol=1e-5, rtol=0)
        clean = together.pred_original_sample[one]
        assert torch.allclose(clean, alone.pred_original_sample, atol=1e-5, rtol=1e-5)
        std = together.std.expand(16, *together.std.shape[1:])[one]
        assert torch.allclose(std, alone.std, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", BACKBONES)
def test_the_class_decides_the_step(name, save, make_diffusion, make_classes):
    backbone = load_backbone(save(name, "decides"), make_diffusion())
    latents = torch.randn(1, 4, 8, 8).expand(2, -1, -1, -1)
    first, second = backbone.step(30, latents, backbone.conditions(make_classes([1, 4]))).prev_mean
    assert not torch.allclose(first, second, atol=1e-4)


@pytest.mark.parametrize("name", [name for name in CLOSED if name in BACKBONES])
@pytest.mark.parametrize("class_index", [-1, 7, 1000])
def test_a_class_outside_of_the_label_space_is_refused_by_name(
    name, class_index, save, make_diffusion
):
    model = save(name, "closed")
    classes = [ClassSpec(0, "n01", 6, "a known thing"), ClassSpec(1, "n02", class_index, "a thing")]
    message = rf"class n02 \(a thing\): expected a class_index of 0\.\.6.*got {class_index}$"
    with pytest.raises(ValueError, match=message):
        check_backbone(model, classes)
    with pytest.raises(ValueError, match=message):
        load_backbone(model, make_diffusion()).conditions(classes)
    check_backbone(model, classes[:1])


@pytest.mark.parametrize("name", BACKBONES)
def test_a_model_is_loaded_once_per_process(name, save, make_diffusion, make_autoencoding):
    model = save(name, "once")
    first = load_backbone(model, make_diffusion())
    assert load_backbone(ModelFolder(model.path, "once", name), make_diffusion()) is first
    assert load_backbone(model, make_diffusion(guidance_scale=1.0)) is not first
    autoencoder = load_autoencoder(model, make_autoencoding())
    assert load_autoencoder(model, make_autoencoding()) is autoencoder
    assert load_autoencoder(model, make_autoencoding(precision="bf16")) is not autoencoder


@pytest.mark.parametrize("name", BACKBONES)
def test_other_weights_at_the_same_place_are_loaded_anew(
    name, save, make_diffusion, make_autoencoding, make_classes, tmp_path
):
    folder = tmp_path / "model"
    config = make_diffusion()
    steps, decoded = [], []
    latents, classes = torch.randn(2, 4, 8, 8), make_classes([0, 1])
    for seed in range(2):
        shutil.copytree(save(name, "", seed=seed).path, folder)
        model = ModelFolder(folder, f"of seed {seed}", name)
        backbone = load_backbone(model, config)
        steps.append(backbone.step(30, latents, backbone.conditions(classes)).prev_mean)
        decoded.append(load_autoencoder(model, make_autoencoding()).decode(latents))
        shutil.rmtree(folder)
    assert not torch.allclose(*steps, atol=1e-3)
    assert not torch.equal(*decoded)


@pytest.mark.parametrize("name", BACKBONES)
def test_the_autoencoder_makes_latents_of_images_and_images_of_latents(
    name, save, make_diffusion, make_autoencoding
):
    model = save(name, "autoencoder")
    autoencoder = load_autoencoder(model, make_autoencoding())
    images = torch.randint(0, 256, (3, 3, 16, 16)).to(torch.uint8)
    latents = autoencoder.encode(images)
    assert latents.shape[1:] == load_backbone(model, make_diffusion()).latent_shape
    assert latents.dtype == torch.float32
    assert latents.isfinite().all()
    decoded = autoencoder.decode(latents)
    assert decoded.shape == images.shape
    assert decoded.dtype == torch.uint8
    assert autoencoder.decode(latents, 24).shape == (3, 3, 24, 24)


@pytest.mark.parametrize("name", BACKBONES)
@pytest.mark.parametrize(
    ("precision", "inside"), [("fp32", False), ("tf32", True), ("bf16", False)]
)
def test_tf32_is_allowed_in_an_autoencoder_only_if_asked_for(
    name, precision, inside, save, make_autoencoding, tf32_flags
):
    autoencoder = load_autoencoder(save(name, "tf32"), make_autoencoding(precision=precision))
    seen = []
    for half in (autoencoder.vae.encoder, autoencoder.vae.decoder):
        half.register_forward_hook(lambda *_: seen.append(tf32_flags()))
    before = tf32_flags()
    autoencoder.decode(autoencoder.encode(torch.zeros(1, 3, 16, 16, dtype=torch.uint8)))
    assert seen == [(inside, inside)] * 2
    assert tf32_flags() == before


@pytest.mark.parametrize("name", BACKBONES)
@pytest.mark.parametrize("asked", [False, True])
def test_what_is_called_is_compiled_only_if_asked_for(
    name, asked, save, make_diffusion, make_autoencoding
):
    model = save(name, "compile")
    denoiser = load_backbone(model, make_diffusion(compile=asked)).denoiser
    vae = load_autoencoder(model, make_autoencoding(compile=asked)).vae
    network = denoiser.transformer if name == "dit" else denoiser.unet
    for part in (network, vae.encoder, vae.decoder):
        assert (part._compiled_call_impl is not None) is asked


def test_an_unknown_family_is_answered_with_the_known_ones(make_diffusion, make_autoencoding):
    model = ModelFolder(Path("anywhere"), "", "dti")
    message = f"unknown family of backbones 'dti': expected one of {', '.join(sorted(BACKBONES))}"
    for use in (
        lambda: check_backbone(model, []),
        lambda: load_backbone(model, make_diffusion()),
        lambda: load_autoencoder(model, make_autoencoding()),
    ):
        with pytest.raises(ValueError, match=message):
            use()


@pytest.mark.parametrize("name", BACKBONES)
def test_a_device_that_is_not_there_is_refused(name, save, make_diffusion, make_autoencoding):
    present = torch.cuda.is_available() or torch.backends.mps.is_available()
    missing = "mps" if torch.cuda.is_available() or not present else "cuda"
    model = save(name, "device")
    for use in (
        lambda: load_autoencoder(model, make_autoencoding(device=missing)),
        lambda: load_backbone(model, make_diffusion(device=missing)),
    ):
        with pytest.raises(ValueError, match=f"device: expected one of .*got '{missing}'"):
            use()
