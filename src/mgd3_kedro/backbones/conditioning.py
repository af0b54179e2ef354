"""Class indices as conditions of a network, and classifier-free guidance."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import torch

from mgd3_kedro.backbones.settings import BackboneConfig
from mgd3_kedro.backbones.weights import CONFIG_FILE
from mgd3_kedro.benchmark import ClassSpec


def classifier_free(
    conditional: torch.Tensor,
    unconditional: torch.Tensor,
    guidance_scale: float,
    cfg_channels: int | None,
) -> torch.Tensor:
    """Extrapolate from the unconditional towards the conditional noise prediction.

    Args:
        conditional: (B, C, H, W).
        unconditional: (B, C, H, W).
        guidance_scale: 1 gives the conditional prediction, more gives more typical samples.
        cfg_channels: Number of leading channels to guide, None for all; the official DiT guides 3
            of 4.

    Source: classifier-free diffusion guidance (arXiv 2207.12598), eq. 6, in the usual scale + 1.
    """
    combined = unconditional + guidance_scale * (conditional - unconditional)
    if cfg_channels is None:
        return combined
    return torch.cat([combined[:, :cfg_channels], conditional[:, cfg_channels:]], dim=1)


def class_labels(classes: Sequence[ClassSpec], num_classes: int) -> torch.Tensor:
    """Return the class index of each sample, (B,), int64.

    Raises:
        ValueError: If a class index is not below the number of classes.
    """
    for spec in classes:
        if not 0 <= spec.class_index < num_classes:
            raise ValueError(
                f"class {spec.wnid} ({spec.class_name}): expected a class_index of "
                f"0..{num_classes - 1}, the classes of the backbone, got {spec.class_index}"
            )
    return torch.tensor([spec.class_index for spec in classes])


def check_guided_channels(denoiser: Path, config: BackboneConfig) -> None:
    """Check that `cfg_channels`, if given, is less than the number of latent channels.

    Args:
        denoiser: Folder of the denoiser.
        config: Settings of sampling.

    Raises:
        ValueError: If it is not; the message gives the number of channels. None stands for all.
    """
    if config.cfg_channels is None:
        return
    channels = json.loads((denoiser / CONFIG_FILE).read_text(encoding="utf-8"))["in_channels"]
    if config.cfg_channels >= channels:
        raise ValueError(
            f"diffusion.cfg_channels: expected fewer than the {channels} channels of the latents "
            f"that {denoiser} denoises, or null for all, got {config.cfg_channels}"
        )
