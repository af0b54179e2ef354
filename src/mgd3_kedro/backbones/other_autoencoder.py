"""Another autoencoder instead of a model's own."""

from __future__ import annotations

import json
from pathlib import Path

from mgd3_kedro.backbones.autoencoder import LatentAutoencoder, image_side
from mgd3_kedro.backbones.settings import AutoencoderConfig
from mgd3_kedro.backbones.weights import CONFIG_FILE, check_component, load_component
from mgd3_kedro.devices import PRECISIONS

MODEL_INDEX = "model_index.json"
KIND = "AutoencoderKL"


def check_other_autoencoder(folder: Path, denoiser: Path, own: Path) -> None:
    """Check that the latents of another autoencoder fit the denoiser of a model.

    Args:
        folder: Folder of an `AutoencoderKL`.
        denoiser: Folder of the model's denoiser.
        own: Folder of the model's own autoencoder.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If it is not an `AutoencoderKL`, if the denoiser takes another number of
            channels, or if the model's own autoencoder has latents of another side for the same
            image.
    """
    from diffusers import AutoencoderKL

    _check_kind(folder)
    values = AutoencoderKL.from_config(check_component(AutoencoderKL, folder)).config
    wanted = json.loads((denoiser / CONFIG_FILE).read_text(encoding="utf-8"))["in_channels"]
    if values.latent_channels != wanted:
        raise ValueError(
            f"autoencoder.given: expected latents of {wanted} channels, which {denoiser} denoises, "
            f"got {values.latent_channels} of {folder}; take another, or null for the model's own"
        )
    theirs = json.loads((own / CONFIG_FILE).read_text(encoding="utf-8"))["block_out_channels"]
    sides = [2 ** (len(blocks) - 1) for blocks in (theirs, values.block_out_channels)]
    if sides[0] != sides[1]:
        raise ValueError(
            f"autoencoder.given: expected images that are {sides[0]} times as wide as latents, as "
            f"those of {own}, got {sides[1]} times of {folder}; take another, or null for the "
            "model's own"
        )


def load_other_autoencoder(
    folder: Path, denoiser: Path, config: AutoencoderConfig
) -> LatentAutoencoder:
    """Load an `AutoencoderKL`, for images of the side that a denoiser's latents decode to.

    Args:
        folder: Folder of the autoencoder.
        denoiser: Folder of the denoiser.
        config: How the autoencoder is run.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If the weights do not fit the configuration.
    """
    from diffusers import AutoencoderKL

    vae = load_component(AutoencoderKL, folder, config)
    return LatentAutoencoder(vae, image_side(vae, denoiser), PRECISIONS[config.precision])


def _check_kind(folder: Path) -> None:
    """Raise ValueError if a folder is a whole model, or a part other than an `AutoencoderKL`."""
    if (folder / MODEL_INDEX).is_file():
        raise ValueError(
            f"autoencoder.given: expected the folder of an autoencoder, got the whole model "
            f"{folder}; name its part, {folder / 'vae'}"
        )
    if (folder / CONFIG_FILE).is_file():
        kind = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8")).get(
            "_class_name", KIND
        )
        if kind != KIND:
            raise ValueError(f"autoencoder.given: expected an {KIND}, got {folder}, a {kind}")
