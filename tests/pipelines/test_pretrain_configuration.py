"""The settings that priors are trained with, as the configuration files have them."""

import pytest
import torch
import yaml
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from tiny_project import REPOSITORY

from mgd3_kedro.training.autoencoder import build_autoencoder
from mgd3_kedro.training.denoiser import build_denoiser

MODES = REPOSITORY / "docs/results/imagenette64_modes.yml"
MEGABYTE = 1e6


def settings_of(env, given=None):
    bootstrap_project(REPOSITORY)
    with KedroSession.create(REPOSITORY, env=env, runtime_params=given or {}) as session:
        return session.load_context().params


def parts_of(parameters, image_size):
    """Return both models with shapes alone."""
    autoencoder, denoiser = (parameters["pretrain"][name] for name in ("autoencoder", "denoiser"))
    side = image_size // 2 ** (len(autoencoder.block_channels) - 1)
    with torch.device("meta"):
        return (
            build_autoencoder(autoencoder, image_size),
            build_denoiser(denoiser, (autoencoder.latent_channels, side, side), 10),
        )


def test_the_prior_of_photos_fits_into_forty_megabytes_of_half_precision():
    vae, transformer = parts_of(settings_of("imagenette64"), 64)
    size = transformer.config.sample_size
    assert (transformer.config.in_channels, size, size // transformer.config.patch_size) == (
        8,
        16,
        4,
    )
    counts = [
        sum(each.numel() for each in part.state_dict().values()) for part in (vae, transformer)
    ]
    assert 3e6 < counts[1] < 6e6
    assert 2 * sum(counts) < 40 * MEGABYTE


def test_photos_are_mirrored_and_digits_are_not():
    for env, probability in (("imagenette64", 0.5), ("custom", 0.5), ("mnist", 0.0)):
        pretrain = settings_of(env)["pretrain"]
        found = {pretrain[name].flip_probability for name in ("autoencoder", "denoiser")}
        assert found == {probability}


def test_the_autoencoder_of_the_committed_modes_can_be_trained_again():
    recipe = yaml.safe_load(MODES.read_text())["run"]
    assert (recipe["env"], recipe["pipelines"]) == ("imagenette64", "pretrain")
    parameters = settings_of(recipe["env"], recipe["params"])
    config = parameters["pretrain"]["autoencoder"]
    assert config.block_channels == [16, 32, 64]
    assert {name: value for name, value in vars(config).items() if name != "block_channels"} == {
        "steps": 450,
        "batch_size": 32,
        "flip_probability": 0.0,
        "learning_rate": 1e-3,
        "warmup_steps": 50,
        "weight_decay": 0.0,
        "ema_decay": 0.995,
        "precision": "fp32",
        "compile": False,
        "seed": 0,
        "latent_channels": 4,
        "kl_weight": 3e-4,
        "given": None,
    }
    vae, _ = parts_of(parameters, 64)
    # As the README says.
    parameters_in_millions = sum(each.numel() for each in vae.parameters()) / 1e6
    assert parameters_in_millions == pytest.approx(0.6, abs=0.05)
