import shutil

import pytest
import torch

from mgd3_kedro.backbones import BACKBONES, check_backbone, load_autoencoder, load_backbone
from mgd3_kedro.records import ModelFolder

SAVED = {"dit": "save_dit"}
"""Name of a backbone -> fixture that saves a tiny one."""


@pytest.fixture
def save(request):
    """Return what saves a tiny model of a family."""
    return lambda name, **changes: request.getfixturevalue(SAVED[name])(**changes)


@pytest.mark.parametrize("name", BACKBONES)
def test_every_backbone_keeps_the_contract(name, save, make_diffusion):
    model = ModelFolder(save(name), "contract")
    check_backbone(name, model.path)
    backbone = load_backbone(name, model, make_diffusion(num_inference_steps=6))
    channels, height, width = backbone.latent_shape
    assert backbone.num_inference_steps == 6
    classes = torch.arange(3) % backbone.num_classes
    latents = torch.randn(3, channels, height, width)
    for index in reversed(range(6)):
        step = backbone.step(index, latents, classes)
        assert step.prev_mean.shape == step.pred_original_sample.shape == latents.shape
        assert torch.broadcast_shapes(step.std.shape, latents.shape) == latents.shape
        assert torch.broadcast_shapes(step.pull.shape, latents.shape) == latents.shape
        assert (step.std >= 0).all()
        latents = step.prev_mean
    assert latents.isfinite().all()
    # At the last step nothing is left to draw.
    assert (step.std == 0).all()
    assert torch.allclose(step.prev_mean, step.pred_original_sample)
    noisy = [backbone.add_noise(latents, torch.zeros_like(latents), index) for index in range(6)]
    shares = [(each / latents).median() for each in noisy]
    assert shares == sorted(shares, reverse=True)
    images = backbone.autoencoder.decode(latents)
    assert images.dtype == torch.uint8
    assert images.shape[:2] == (3, 3)
    assert backbone.autoencoder.encode(images).shape == latents.shape


@pytest.mark.parametrize("name", BACKBONES)
def test_a_model_is_loaded_once_per_process(name, save, make_diffusion):
    model = ModelFolder(save(name), "once")
    first = load_backbone(name, model, make_diffusion())
    assert load_backbone(name, ModelFolder(model.path, "once"), make_diffusion()) is first
    assert load_backbone(name, model, make_diffusion(guidance_scale=1.0)) is not first
    autoencoder = load_autoencoder(name, model, "cpu")
    assert load_autoencoder(name, model, "cpu") is autoencoder


@pytest.mark.parametrize("name", BACKBONES)
def test_other_weights_at_the_same_place_are_loaded_anew(name, save, make_diffusion, tmp_path):
    folder = tmp_path / "model"
    config = make_diffusion()
    steps, decoded = [], []
    latents, labels = torch.randn(2, 4, 8, 8), torch.tensor([0, 1])
    for seed in range(2):
        shutil.copytree(save(name, seed=seed), folder)
        model = ModelFolder(folder, f"of seed {seed}")
        steps.append(load_backbone(name, model, config).step(30, latents, labels).prev_mean)
        decoded.append(load_autoencoder(name, model, "cpu").decode(latents))
        shutil.rmtree(folder)
    assert not torch.allclose(*steps, atol=1e-3)
    assert not torch.equal(*decoded)


@pytest.mark.parametrize("name", BACKBONES)
def test_the_autoencoder_alone_is_that_of_the_backbone(name, save, make_diffusion):
    model = ModelFolder(save(name), "same")
    images = torch.randint(0, 256, (3, 3, 16, 16)).to(torch.uint8)
    expected = load_backbone(name, model, make_diffusion()).autoencoder.encode(images)
    assert torch.equal(load_autoencoder(name, model, "cpu").encode(images), expected)


def test_an_unknown_backbone_is_answered_with_the_known_ones(model_folder, make_diffusion):
    message = f"unknown backbone 'dti': expected one of {', '.join(sorted(BACKBONES))}"
    for use in (
        lambda: check_backbone("dti", model_folder.path),
        lambda: load_backbone("dti", model_folder, make_diffusion()),
        lambda: load_autoencoder("dti", model_folder, "cpu"),
    ):
        with pytest.raises(ValueError, match=message):
            use()


@pytest.mark.parametrize("name", BACKBONES)
def test_a_device_that_is_not_there_is_refused(name, save):
    present = torch.cuda.is_available() or torch.backends.mps.is_available()
    missing = "mps" if torch.cuda.is_available() or not present else "cuda"
    with pytest.raises(ValueError, match=f"device: expected one of .*got '{missing}'"):
        load_autoencoder(name, ModelFolder(save(name), "device"), missing)
