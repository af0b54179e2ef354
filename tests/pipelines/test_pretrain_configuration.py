"""The settings that priors are trained with, as the configuration files have them."""

import torch
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from tiny_project import REPOSITORY

from mgd3_kedro.training.autoencoder import build_autoencoder
from mgd3_kedro.training.denoiser import build_denoiser

MEGABYTE = 1e6


def settings_of(env):
    bootstrap_project(REPOSITORY)
    with KedroSession.create(REPOSITORY, env=env) as session:
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
