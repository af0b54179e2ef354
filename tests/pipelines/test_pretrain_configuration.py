"""The settings that priors are trained with, as the configuration files have them."""

from itertools import pairwise

import torch
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from tiny_project import REPOSITORY

from mgd3_kedro.announcement import SIZES
from mgd3_kedro.training.autoencoder import build_autoencoder
from mgd3_kedro.training.denoiser import build_denoiser

MEGABYTE = 1e6


def settings_of(env, **given):
    bootstrap_project(REPOSITORY)
    with KedroSession.create(REPOSITORY, env=env, runtime_params=given) as session:
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
        8,
    )
    counts = [
        sum(each.numel() for each in part.state_dict().values()) for part in (vae, transformer)
    ]
    assert 9e6 < counts[1] < 12e6
    assert 2 * sum(counts) < 40 * MEGABYTE


def test_photos_are_mirrored_and_digits_are_not():
    for env, probability in (("imagenette64", 0.5), ("custom", 0.5), ("mnist", 0.0)):
        pretrain = settings_of(env)["pretrain"]
        found = {pretrain[name].flip_probability for name in ("autoencoder", "denoiser")}
        assert found == {probability}


def test_each_size_of_a_prior_costs_several_times_the_one_before():
    costs = []
    for size in SIZES:
        parameters = settings_of("custom", settings=size)
        pretrain = parameters["pretrain"]
        tokens = (16 // pretrain["denoiser"].patch_size) ** 2
        of_model = sum(each.numel() for each in parts_of(parameters, 64)[1].parameters())
        loop = pretrain["denoiser"]
        costs.append(of_model * tokens * loop.batch_size * loop.steps)
    assert all(larger > 5 * smaller for smaller, larger in pairwise(costs))


def test_the_prior_of_ones_own_images_is_small_unless_another_size_is_named():
    usual, small = (settings_of("custom", **given) for given in ({}, {"settings": SIZES[0]}))
    assert usual["pretrain"] == small["pretrain"]


def test_the_large_prior_has_the_size_and_length_of_other_benchmarks():
    large, base = settings_of("custom", settings="large"), settings_of("imagenette")
    for part, fields in {
        "autoencoder": ("block_channels", "steps", "batch_size", "learning_rate"),
        "denoiser": ("layers", "heads", "head_dim", "patch_size", "steps", "batch_size"),
        "tuning": ("guidance_scales", "samples_per_class", "epochs"),
    }.items():
        ours, theirs = large["pretrain"][part], base["pretrain"][part]
        assert all(getattr(ours, name) == getattr(theirs, name) for name in fields), part
