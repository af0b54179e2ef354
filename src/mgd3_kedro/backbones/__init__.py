"""Pre-trained diffusion models behind one interface."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from mgd3_kedro.backbones.base import Autoencoder, Backbone
from mgd3_kedro.backbones.dit import check_dit, load_dit, load_dit_autoencoder
from mgd3_kedro.backbones.settings import BackboneConfig
from mgd3_kedro.checks import lookup
from mgd3_kedro.records import ModelFolder


class BackboneFamily(NamedTuple):
    """How a family of models is checked and loaded from a folder."""

    check: Callable[[Path], None]
    load: Callable[[Path, BackboneConfig], Backbone]
    load_autoencoder: Callable[[Path, str], Autoencoder]


def check_backbone(name: str, folder: Path) -> None:
    """Check a model folder without loading it.

    Raises:
        ValueError: If the family is unknown or the weights do not fit their configuration.
        FileNotFoundError: If a file is missing.

    Source: ours.
    """
    lookup(BACKBONES, name, "backbone").check(folder)


@lru_cache(maxsize=2)
def load_backbone(name: str, model: ModelFolder, config: BackboneConfig) -> Backbone:
    """Load a model once per process.

    Args:
        name: A name of `BACKBONES`.
        model: Where the model is; other weights at the same place are loaded anew.
        config: How the model is sampled.

    Raises:
        ValueError: If the family is unknown or the weights do not fit their configuration.
        FileNotFoundError: If a file is missing.

    Source: ours.
    """
    return lookup(BACKBONES, name, "backbone").load(model.path, config)


@lru_cache(maxsize=2)
def load_autoencoder(name: str, model: ModelFolder, device: str) -> Autoencoder:
    """Load the autoencoder of a model once per process.

    Args:
        name: A name of `BACKBONES`.
        model: Where the model is; other weights at the same place are loaded anew.
        device: "auto" or the name of a device.

    Raises:
        ValueError: If the family is unknown or the weights do not fit their configuration.
        FileNotFoundError: If a file is missing.

    Source: ours.
    """
    return lookup(BACKBONES, name, "backbone").load_autoencoder(model.path, device)


BACKBONES: dict[str, BackboneFamily] = {
    "dit": BackboneFamily(check_dit, load_dit, load_dit_autoencoder),
}
