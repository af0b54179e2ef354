"""Frequencies of the timestep embedding of a diffusion transformer."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mgd3_kedro.backbones.settings import AUTO, FREQUENCY_SHIFTS, BackboneConfig
from mgd3_kedro.backbones.weights import CONFIG_FILE
from mgd3_kedro.checks import lookup

if TYPE_CHECKING:
    from diffusers import DiTTransformer2DModel

logger = logging.getLogger(__name__)

PUBLISHED = {
    "num_layers": 28,
    "num_attention_heads": 16,
    "attention_head_dim": 72,
    "patch_size": 2,
    "in_channels": 4,
    "out_channels": 8,
    "num_embeds_ada_norm": 1000,
}
"""Configuration of the weights that the authors of DiT published, DiT-XL/2 for ImageNet. They
predict variances. Weights trained with diffusers' class or by this project do not."""
OFFICIAL_NORM_EPS = 1e-6
"""Epsilon of all norms of the official code; diffusers has 1e-5 in some."""


def find_time_frequencies(part: Path, asked: str) -> str:
    """Return the name of the frequencies that a transformer is sampled with.

    The value of "auto" depends only on the configuration, which is part of the identity of a model.
    So a copy under any name is sampled like the original.

    Args:
        part: Folder of the transformer.
        asked: A name of `FREQUENCY_SHIFTS`, or "auto".
    """
    if asked != AUTO:
        return asked
    found = _read(part)
    return "official" if {name: found.get(name) for name in PUBLISHED} == PUBLISHED else "diffusers"


def log_time_frequencies(part: Path, found: str) -> None:
    """Log the value of "auto" if it may be wrong, and how to set the other value.

    Args:
        part: Folder of the transformer.
        found: What `find_time_frequencies` returned.
    """
    values = _read(part)
    if found == "official":
        logger.info(
            "%s is that of the published DiT-XL/2: time is embedded with the frequencies of the "
            "official code; for weights trained with diffusers' class set "
            "diffusion.time_frequencies=diffusers",
            part / CONFIG_FILE,
        )
    elif values.get("out_channels") == 2 * values["in_channels"]:
        logger.info(
            "%s predicts variances and is not that of the published DiT-XL/2: time is embedded "
            "with the frequencies of diffusers; for weights trained with the official code of DiT "
            "set diffusion.time_frequencies=official",
            part / CONFIG_FILE,
        )


def warn_of_time_frequencies(part: Path, asked: str) -> None:
    """Warn if the weights were probably trained with other frequencies and samples may be smudges.

    Args:
        part: Folder of the transformer.
        asked: A name of `FREQUENCY_SHIFTS`, or "auto".
    """
    values = _read(part)
    if asked == "official" and values.get("out_channels") != 2 * values["in_channels"]:
        logger.warning(
            "%s predicts no variances, as weights trained with the official code of DiT do: with "
            "diffusion.time_frequencies=official its samples may be smudges; leave it at auto for "
            "weights that diffusers' class or this project has trained",
            part / CONFIG_FILE,
        )


def embed_time(transformer: DiTTransformer2DModel, frequencies: str) -> None:
    """Set the time embedding of a transformer to that of the code it was trained with.

    Conversion to diffusers' format leaves the weights as they are. But diffusers' class has other
    frequencies than the official code, and another epsilon in the second norm of a block.

    Args:
        transformer: Changed in place; when loaded, it has the frequencies of diffusers.
        frequencies: A name of `FREQUENCY_SHIFTS`.

    Raises:
        ValueError: If the name is unknown.

    Source: DiT (arXiv 2212.09748), released code: 10000^(-i / 128).
    """
    shift = lookup(FREQUENCY_SHIFTS, frequencies, "time frequencies")
    blocks: Any = transformer.transformer_blocks
    for block in blocks:
        block.norm1.emb.time_proj.downscale_freq_shift = shift
        if frequencies == "official":
            block.norm3.eps = OFFICIAL_NORM_EPS


def require_auto_time_frequencies(folder: Path, config: BackboneConfig) -> BackboneConfig:
    """Return the settings unchanged, for a model that is not a diffusion transformer.

    Raises:
        ValueError: If `time_frequencies` is not "auto".
    """
    if config.time_frequencies != AUTO:
        raise ValueError(
            f"time_frequencies: expected {AUTO} for {folder}, which is no diffusion transformer "
            f"(family dit), got {config.time_frequencies!r}; leave diffusion.time_frequencies out"
        )
    return config


def _read(part: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((part / CONFIG_FILE).read_text(encoding="utf-8"))
    return values
