"""Pre-trained diffusion models behind one interface."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from mgd3_kedro.backbones.autoencoder import LatentAutoencoder
from mgd3_kedro.backbones.base import Backbone
from mgd3_kedro.backbones.dit import check_dit, load_dit, load_dit_autoencoder
from mgd3_kedro.backbones.latent_diffusion import (
    check_latent_diffusion,
    load_latent_diffusion,
    load_latent_diffusion_autoencoder,
)
from mgd3_kedro.backbones.settings import AutoencoderConfig, BackboneConfig
from mgd3_kedro.backbones.stable_diffusion import (
    check_stable_diffusion,
    load_stable_diffusion,
    load_stable_diffusion_autoencoder,
)
from mgd3_kedro.checks import lookup
from mgd3_kedro.records import ClassSpec, ModelFolder

__all__ = [
    "BACKBONES",
    "AutoencoderConfig",
    "BackboneConfig",
    "BackboneFamily",
    "check_backbone",
    "load_autoencoder",
    "load_backbone",
]


class BackboneFamily(NamedTuple):
    """How a family of models is checked and loaded from a folder."""

    check: Callable[[Path, Sequence[ClassSpec]], int | None]
    load: Callable[[Path, BackboneConfig], Backbone]
    load_autoencoder: Callable[[Path, AutoencoderConfig], LatentAutoencoder]


def check_backbone(model: ModelFolder, classes: Sequence[ClassSpec]) -> int | None:
    """Check a model folder without loading it.

    Args:
        model: Where the model is, and its family.
        classes: What it will be asked to draw.

    Returns:
        How many classes it knows by number; None if it knows them by name.

    Raises:
        ValueError: If the family is unknown, the weights do not fit their configuration, or the
            model does not know a class.
        FileNotFoundError: If a file is missing.

    Source: ours.
    """
    return lookup(BACKBONES, model.family, "family of backbones").check(model.path, classes)


@lru_cache(maxsize=2)
def load_backbone(model: ModelFolder, config: BackboneConfig) -> Backbone:
    """Load a model once per process.

    Args:
        model: Where the model is; other weights at the same place are loaded anew.
        config: How the model is sampled.

    Raises:
        ValueError: If the family is unknown or the weights do not fit their configuration.
        FileNotFoundError: If a file is missing.

    Source: ours.
    """
    return lookup(BACKBONES, model.family, "family of backbones").load(model.path, config)


@lru_cache(maxsize=2)
def load_autoencoder(model: ModelFolder, config: AutoencoderConfig) -> LatentAutoencoder:
    """Load the autoencoder of a model once per process.

    Args:
        model: Where the model is; other weights at the same place are loaded anew.
        config: How the autoencoder is run.

    Raises:
        ValueError: If the family is unknown or the weights do not fit their configuration.
        FileNotFoundError: If a file is missing.

    Source: ours.
    """
    family = lookup(BACKBONES, model.family, "family of backbones")
    return family.load_autoencoder(model.path, config)


BACKBONES: dict[str, BackboneFamily] = {
    "dit": BackboneFamily(check_dit, load_dit, load_dit_autoencoder),
    "latent_diffusion": BackboneFamily(
        check_latent_diffusion, load_latent_diffusion, load_latent_diffusion_autoencoder
    ),
    "stable_diffusion": BackboneFamily(
        check_stable_diffusion, load_stable_diffusion, load_stable_diffusion_autoencoder
    ),
}
