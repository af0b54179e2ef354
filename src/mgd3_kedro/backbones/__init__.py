"""Pre-trained diffusion models behind one interface."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from mgd3_kedro.backbones.autoencoder import LatentAutoencoder, side_of_images
from mgd3_kedro.backbones.base import Backbone
from mgd3_kedro.backbones.conditioning import check_guided_channels
from mgd3_kedro.backbones.dit import check_dit, load_dit, load_dit_autoencoder, settle_dit
from mgd3_kedro.backbones.latent_diffusion import (
    check_latent_diffusion,
    find_autoencoder,
    load_latent_diffusion,
    load_latent_diffusion_autoencoder,
)
from mgd3_kedro.backbones.other_autoencoder import (
    check_other_autoencoder,
    load_other_autoencoder,
)
from mgd3_kedro.backbones.settings import AutoencoderConfig, BackboneConfig
from mgd3_kedro.backbones.stable_diffusion import (
    check_stable_diffusion,
    load_stable_diffusion,
    load_stable_diffusion_autoencoder,
)
from mgd3_kedro.backbones.time_frequencies import require_auto_time_frequencies
from mgd3_kedro.benchmark import ClassSpec
from mgd3_kedro.checks import lookup
from mgd3_kedro.records import ModelFolder

__all__ = [
    "BACKBONES",
    "AutoencoderConfig",
    "BackboneConfig",
    "BackboneFamily",
    "check_backbone",
    "check_features",
    "image_size_of",
    "latent_side_of",
    "load_autoencoder",
    "load_backbone",
    "settle_settings",
]


class BackboneFamily(NamedTuple):
    """How a family of models is checked and loaded from a folder.

    Args:
        check: (folder, classes) -> number of classes that the model knows by index, None if by
            name; raises an error if the folder or a class does not fit.
        load: Loads the model.
        load_autoencoder: Loads the autoencoder that is in the folder.
        settle: (folder, settings) -> settings with a value for every "auto"; raises an error if a
            setting does not apply to the family.
        denoiser: Name of the denoiser's folder.
        autoencoder: (folder) -> folder of the autoencoder in it.
        features: Whether its models give features: see `FeatureBackbone`.
    """

    check: Callable[[Path, Sequence[ClassSpec]], int | None]
    load: Callable[[Path, BackboneConfig], Backbone]
    load_autoencoder: Callable[[Path, AutoencoderConfig], LatentAutoencoder]
    settle: Callable[[Path, BackboneConfig], BackboneConfig]
    denoiser: str
    autoencoder: Callable[[Path], Path]
    features: bool = False


def check_backbone(model: ModelFolder, classes: Sequence[ClassSpec]) -> int | None:
    """Check a model folder without loading it.

    Args:
        model: Where the model is, and its family.
        classes: The classes to generate.

    Returns:
        Number of classes that the model knows by index; None if it knows classes by name.

    Raises:
        ValueError: If the family is unknown, the weights do not fit their configuration, or the
            model does not know a class.
        FileNotFoundError: If a file is missing.
    """
    family = lookup(BACKBONES, model.family, "family of backbones")
    known = family.check(model.path, classes)
    _check_autoencoder(model, family)
    return known


def image_size_of(model: ModelFolder) -> int:
    """Return the side in pixels of the images that a model works on, without loading it.

    Raises:
        ValueError: If the family is unknown.
    """
    family = lookup(BACKBONES, model.family, "family of backbones")
    autoencoder = model.autoencoder or family.autoencoder(model.path)
    return side_of_images(autoencoder, model.path / family.denoiser)


def latent_side_of(model: ModelFolder) -> int:
    """Return the side of a model's latents, without loading it.

    Raises:
        ValueError: If the family is unknown.
    """
    denoiser = lookup(BACKBONES, model.family, "family of backbones").denoiser
    return int(
        json.loads((model.path / denoiser / "config.json").read_text(encoding="utf-8"))[
            "sample_size"
        ]
    )


def settle_settings(model: ModelFolder, config: BackboneConfig) -> BackboneConfig:
    """Return the settings with a value for every "auto", as they hold for a model.

    Raises:
        ValueError: If the family is unknown, or a setting does not apply to the model.
    """
    family = lookup(BACKBONES, model.family, "family of backbones")
    settled = family.settle(model.path, config)
    check_guided_channels(model.path / family.denoiser, settled)
    return settled


def check_features(model: ModelFolder, needed_by: str) -> None:
    """Check that a model gives features of its network.

    Args:
        model: Where the model is, and its family.
        needed_by: Name of the setting that needs features.

    Raises:
        ValueError: If the family is unknown or gives no features.
    """
    if not lookup(BACKBONES, model.family, "family of backbones").features:
        known = ", ".join(name for name, family in BACKBONES.items() if family.features)
        raise ValueError(
            f"{needed_by}: expected a model whose network gives features (family {known}), got a "
            f"model of the family {model.family}; set sampling.{needed_by}=0"
        )


@lru_cache(maxsize=2)
def load_backbone(model: ModelFolder, config: BackboneConfig) -> Backbone:
    """Load a model and keep it in the process, as stages need it for every group of classes.

    Args:
        model: Where the model is; changed weights at the same path are loaded again.
        config: How the model is sampled.

    Raises:
        ValueError: If the family is unknown or the weights do not fit their configuration.
        FileNotFoundError: If a file is missing.
    """
    return lookup(BACKBONES, model.family, "family of backbones").load(model.path, config)


@lru_cache(maxsize=2)
def load_autoencoder(model: ModelFolder, config: AutoencoderConfig) -> LatentAutoencoder:
    """Load the autoencoder of a model, or the one given instead, once per process.

    Args:
        model: Where the model is; changed weights at the same path are loaded again.
        config: How the autoencoder is run.

    Raises:
        ValueError: If the family is unknown, the weights do not fit their configuration, or a given
            autoencoder does not fit the model.
        FileNotFoundError: If a file is missing.
    """
    family = lookup(BACKBONES, model.family, "family of backbones")
    if model.autoencoder is None:
        return family.load_autoencoder(model.path, config)
    _check_autoencoder(model, family)
    return load_other_autoencoder(model.autoencoder, model.path / family.denoiser, config)


def _check_autoencoder(model: ModelFolder, family: BackboneFamily) -> None:
    if model.autoencoder is not None:
        own = family.autoencoder(model.path)
        check_other_autoencoder(model.autoencoder, model.path / family.denoiser, own)


def _in_vae(folder: Path) -> Path:
    return folder / "vae"


BACKBONES: dict[str, BackboneFamily] = {
    "dit": BackboneFamily(
        check_dit, load_dit, load_dit_autoencoder, settle_dit, "transformer", _in_vae, True
    ),
    "latent_diffusion": BackboneFamily(
        check_latent_diffusion,
        load_latent_diffusion,
        load_latent_diffusion_autoencoder,
        require_auto_time_frequencies,
        "unet",
        find_autoencoder,
        True,
    ),
    "stable_diffusion": BackboneFamily(
        check_stable_diffusion,
        load_stable_diffusion,
        load_stable_diffusion_autoencoder,
        require_auto_time_frequencies,
        "unet",
        _in_vae,
        True,
    ),
}
