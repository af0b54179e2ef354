"""An autoencoder that takes the place of a model's own."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from kedro.io import DatasetError

from mgd3_kedro.backbones import BACKBONES, check_backbone, load_autoencoder
from mgd3_kedro.datasets.model_folder import ModelFolderDataset
from mgd3_kedro.records import ModelFolder

THREE_LEVELS = {
    "down_block_types": ("DownEncoderBlock2D",) * 3,
    "up_block_types": ("UpDecoderBlock2D",) * 3,
    "block_out_channels": (8, 16, 16),
}


@pytest.fixture(scope="module")
def other(save_dit):
    """Return the folder of an autoencoder with other weights and another scale."""
    return save_dit(9, vae={"scaling_factor": 0.25}) / "vae"


def load(folder, given, family="dit"):
    return ModelFolderDataset(
        model=folder.name,
        family=family,
        root=str(folder.parent),
        if_missing="",
        autoencoder=given and str(given),
    ).load()


def test_the_given_autoencoder_encodes_and_decodes_in_the_place_of_the_models_own(
    dit_folder, other, make_autoencoding
):
    from diffusers import AutoencoderKL

    autoencoder = load_autoencoder(load(dit_folder, other).load(), make_autoencoding())
    vae = AutoencoderKL.from_pretrained(other, low_cpu_mem_usage=False).eval()
    images = torch.randint(256, (3, 3, 16, 16)).to(torch.uint8)
    with torch.no_grad():
        expected = 0.25 * vae.encode(images.float() / 127.5 - 1).latent_dist.mean
        decoded = vae.decode(expected / 0.25).sample
    latents = autoencoder.encode(images)
    assert torch.allclose(latents, expected, atol=1e-5)
    pixels = (decoded.clamp(-1, 1) + 1) * 127.5
    assert (autoencoder.decode(latents).float() - pixels).abs().max() < 0.6
    own = load_autoencoder(load(dit_folder, None).load(), make_autoencoding())
    assert not torch.allclose(own.encode(images), expected, atol=1e-2)


def test_the_content_of_the_given_autoencoder_is_part_of_the_identity(dit_folder, other, tmp_path):
    given = Path(shutil.copytree(other, tmp_path / "given"))
    none, first = load(dit_folder, None), load(dit_folder, given)
    assert none.load().autoencoder is None
    assert first.load().autoencoder == given
    again = Path(shutil.copytree(given, tmp_path / "elsewhere"))
    assert load(dit_folder, again).fingerprint == first.fingerprint
    config = json.loads((given / "config.json").read_text())
    (given / "config.json").write_text(json.dumps({**config, "scaling_factor": 0.3}))
    assert len({one.fingerprint for one in (none, first, load(dit_folder, given))}) == 3


def test_an_autoencoder_without_weights_is_refused_before_work(dit_folder, tmp_path):
    with pytest.raises(DatasetError, match=r"autoencoder.given: expected the weights .*=FOLDER"):
        load(dit_folder, tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"latent_channels": 3}, r"autoencoder.given: expected latents of 4 channels, .* got 3 of"),
        (THREE_LEVELS, r"autoencoder.given: expected images that are 2 times .* got 4 times"),
    ],
)
def test_an_autoencoder_whose_latents_do_not_fit_is_refused_before_work(
    change, message, dit_folder, save_dit, make_autoencoding
):
    given = save_dit(vae={"scaling_factor": 0.5, **change}) / "vae"
    model = load(dit_folder, given).load()
    with pytest.raises(ValueError, match=message):
        check_backbone(model, [])
    with pytest.raises(ValueError, match=message):
        load_autoencoder(model, make_autoencoding())


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ("", r"expected the folder of an autoencoder, got the whole model .*name its part, .*vae"),
        ("transformer", "expected an AutoencoderKL, got .*, a DiTTransformer2DModel"),
    ],
)
def test_what_is_no_autoencoder_is_refused_by_its_kind(part, message, dit_folder, save_dit):
    model = ModelFolder(dit_folder, "any", "dit", save_dit() / part)
    with pytest.raises(ValueError, match=f"autoencoder.given: {message}"):
        check_backbone(model, [])


@pytest.mark.parametrize("family", sorted(BACKBONES))
def test_every_family_takes_a_given_autoencoder(
    family, save_dit, save_latent_diffusion, save_stable_diffusion, other, make_autoencoding
):
    save = {
        "dit": save_dit,
        "latent_diffusion": save_latent_diffusion,
        "stable_diffusion": save_stable_diffusion,
    }[family]
    model = ModelFolder(save(), "any", family, other)
    check_backbone(model, [])
    autoencoder = load_autoencoder(model, make_autoencoding())
    assert autoencoder.vae.config.scaling_factor == 0.25
    assert autoencoder.image_size == 16
