"""Class-conditional U-Nets on latents, saved in diffusers' `LDMPipeline` format."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mgd3_kedro.backbones.autoencoder import LatentAutoencoder, image_side
from mgd3_kedro.backbones.conditioning import class_labels
from mgd3_kedro.backbones.diffusion import DiffusionBackbone, assemble_backbone
from mgd3_kedro.backbones.latent_unet import UNETS, LatentDiffusionDenoiser
from mgd3_kedro.backbones.schedule import read_trained_schedule
from mgd3_kedro.backbones.settings import AutoencoderConfig, BackboneConfig
from mgd3_kedro.backbones.time_frequencies import require_auto_time_frequencies
from mgd3_kedro.backbones.weights import CONFIG_FILE, check_component, load_component
from mgd3_kedro.benchmark import ClassSpec
from mgd3_kedro.checks import lookup
from mgd3_kedro.devices import PRECISIONS

OTHER_INPUTS = {
    "UNet2DModel": ("class_embed_type",),
    "UNet2DConditionModel": (
        "addition_embed_type",
        "class_embed_type",
        "num_class_embeds",
        "time_cond_proj_dim",
    ),
}
"""diffusers' class of a U-Net -> settings that must be null, as they add other conditions than a
class."""
AUTOENCODERS: dict[str, Callable[[Mapping[str, Any]], int]] = {
    "VQModel": lambda config: config.get("vq_embed_dim") or config.get("latent_channels", 3),
    "AutoencoderKL": lambda config: config.get("latent_channels", 4),
}
"""diffusers' class of an autoencoder -> the channels of its latents, from its configuration."""
AUTOENCODER_FOLDERS = ("vqvae", "vae")


def check_latent_diffusion(folder: Path, classes: Sequence[ClassSpec]) -> int:
    """Check an `LDMPipeline` folder without loading it, and return its number of classes.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If the weights do not fit the configuration, the U-Net is not conditioned on
            classes alone or does not fit the autoencoder, or a class index is outside the label
            space.
    """
    vae_folder = find_autoencoder(folder)
    vae_name, vae = _check_part(vae_folder, AUTOENCODERS)
    unet_name, unet = _check_part(folder / "unet", UNETS)
    read_trained_schedule(folder / "scheduler")
    file = folder / "unet" / CONFIG_FILE
    count = _check_conditioning(file, unet_name, unet)
    _check_shape(file, unet, AUTOENCODERS[vae_name](vae), vae_folder.name)
    class_labels(classes, count - 1)
    return count - 1


def load_latent_diffusion_autoencoder(folder: Path, config: AutoencoderConfig) -> LatentAutoencoder:
    """Load the autoencoder of an `LDMPipeline` folder, with or without a codebook.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If the weights do not fit the configuration.
    """
    import diffusers

    part = find_autoencoder(folder)
    vae = load_component(getattr(diffusers, _class_name(part, AUTOENCODERS)), part, config)
    side = image_side(vae, folder / "unet")
    return LatentAutoencoder(vae, side, PRECISIONS[config.precision])


def load_latent_diffusion(folder: Path, config: BackboneConfig) -> DiffusionBackbone:
    """Load an `LDMPipeline` folder with a class-conditional U-Net.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If the folder's parts do not fit each other, or a setting does not fit them.
    """
    import diffusers

    require_auto_time_frequencies(folder, config)
    check_latent_diffusion(folder, ())
    part = folder / "unet"
    unet = load_component(getattr(diffusers, _class_name(part, UNETS)), part, config)
    trained = read_trained_schedule(folder / "scheduler")
    return assemble_backbone(LatentDiffusionDenoiser(unet), trained, config)


def find_autoencoder(folder: Path) -> Path:
    """Return the folder of the autoencoder within an `LDMPipeline` folder.

    Raises:
        FileNotFoundError: If there is no such folder.
    """
    for name in AUTOENCODER_FOLDERS:
        if (folder / name).is_dir():
            return folder / name
    raise FileNotFoundError(
        f"expected an autoencoder in {folder / AUTOENCODER_FOLDERS[0]} or "
        f"{folder / AUTOENCODER_FOLDERS[1]}, found neither"
    )


def _class_name(part: Path, known: Mapping[str, Any]) -> str:
    path = part / CONFIG_FILE
    if not path.is_file():
        raise FileNotFoundError(f"expected {path}, found no such file")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(config, dict):
            raise ValueError(f"expected settings by name, got {config!r}")
        name = str(config.get("_class_name"))
        lookup(known, name, "_class_name")
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return name


def _check_part(part: Path, known: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    import diffusers

    name = _class_name(part, known)
    return name, check_component(getattr(diffusers, name), part)


def _check_conditioning(file: Path, name: str, unet: Mapping[str, Any]) -> int:
    count = unet.get(UNETS[name])
    if not isinstance(count, int) or count < 2:
        raise ValueError(
            f"{file}: expected {UNETS[name]}, the number of class embeddings with that of no "
            f"class, to be 2 or more, got {count!r}; take a class-conditional model (a "
            "text-to-image model is of the family stable_diffusion)"
        )
    for other in OTHER_INPUTS[name]:
        if unet.get(other) is not None:
            raise ValueError(
                f"{file}: expected {other} to be null, as the U-Net gets only latents, a timestep "
                f"and a class, got {unet[other]!r}"
            )
    if (projection := unet.get("encoder_hid_dim_type") or "text_proj") != "text_proj":
        raise ValueError(
            f"{file}: expected encoder_hid_dim_type 'text_proj', whose matrix is the table of "
            f"class embeddings, got {projection!r}"
        )
    if (texts := file.parent.with_name("text_encoder")).is_dir():
        raise ValueError(
            f"{texts}: expected no text encoder, as the U-Net gets only latents, a timestep and a "
            "class; a text-to-image model is of the family stable_diffusion"
        )
    return count


def _check_shape(file: Path, unet: Mapping[str, Any], channels: int, autoencoder: str) -> None:
    for name, fitting in (("in_channels", (channels,)), ("out_channels", (channels, 2 * channels))):
        if unet.get(name) not in fitting:
            raise ValueError(
                f"{file}: expected {name} {' or '.join(map(str, fitting))}, as latents of the "
                f"{autoencoder} have {channels} channels, got {unet.get(name)}"
            )
    if not isinstance(unet.get("sample_size"), int):
        raise ValueError(
            f"{file}: expected sample_size to be one whole number, the side of a latent, "
            f"got {unet.get('sample_size')!r}"
        )
