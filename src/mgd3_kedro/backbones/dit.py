"""Class-conditional diffusion transformers saved in diffusers' `DiTPipeline` format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from mgd3_kedro.backbones.autoencoder import LatentAutoencoder, image_side
from mgd3_kedro.backbones.base import ConditionChange
from mgd3_kedro.backbones.conditioning import class_labels
from mgd3_kedro.backbones.diffusion import DiffusionBackbone, assemble_backbone
from mgd3_kedro.backbones.embeddings import changed_embeddings
from mgd3_kedro.backbones.features import block_at, output_of
from mgd3_kedro.backbones.schedule import read_trained_schedule
from mgd3_kedro.backbones.settings import AUTO, AutoencoderConfig, BackboneConfig
from mgd3_kedro.backbones.time_frequencies import (
    embed_time,
    find_time_frequencies,
    log_time_frequencies,
    warn_of_time_frequencies,
)
from mgd3_kedro.backbones.weights import check_component, load_component
from mgd3_kedro.benchmark import ClassSpec
from mgd3_kedro.devices import PRECISIONS

if TYPE_CHECKING:
    from diffusers import DiTTransformer2DModel


@dataclass(frozen=True, eq=False)
class DiTDenoiser:
    """A diffusion transformer; its null class is the index after its last real one.

    Args:
        transformer: Has twice as many output channels as input channels if it predicts variances.

    Source: DiT (arXiv 2212.09748).
    """

    transformer: DiTTransformer2DModel

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of a latent."""
        size = self.transformer.config.sample_size
        return self.transformer.config.in_channels, size, size

    @property
    def embedding_shape(self) -> tuple[int, ...]:
        """(D,) of the embedding of a class."""
        return (self.transformer.inner_dim,)

    @cached_property
    def device(self) -> torch.device:
        """Device of the network."""
        return self.transformer.device

    @property
    def num_classes(self) -> int:
        """Size of the label space without the null class."""
        return int(self.transformer.config.num_embeds_ada_norm)

    def conditions(self, classes: Sequence[ClassSpec]) -> torch.Tensor:
        """Return class indices (B,), int64.

        Raises:
            ValueError: If a class index is outside the label space.
        """
        return class_labels(classes, self.num_classes).to(self.device)

    def null_condition(self) -> torch.Tensor:
        """Return the index of the null class, (1,), int64."""
        return torch.full((1,), self.num_classes, device=self.device)

    def predict(
        self,
        latents: torch.Tensor,
        timesteps: torch.Tensor,
        conditions: torch.Tensor,
        change: ConditionChange | None = None,
    ) -> torch.Tensor:
        """Return the output (B, C, H, W) or (B, 2C, H, W); each block has its own embeddings."""
        blocks: Any = self.transformer.transformer_blocks
        tables = (block.norm1.emb.class_embedder for block in blocks)
        with changed_embeddings(tables, change):
            output: torch.Tensor = self.transformer(
                latents, timestep=timesteps, class_labels=conditions
            ).sample
        return output

    def features(
        self, latents: torch.Tensor, timesteps: torch.Tensor, conditions: torch.Tensor, depth: float
    ) -> torch.Tensor:
        """Return the features after the first blocks, averaged over tokens, (B, D), float32."""
        blocks: Any = self.transformer.transformer_blocks
        # `forward`, not a call: the call may be compiled, and then runs no hooks.
        run = partial(self.transformer.forward, latents, timesteps, conditions)
        return output_of(blocks[block_at(depth, len(blocks))], run).float().mean(1)


def check_dit(folder: Path, classes: Sequence[ClassSpec]) -> int:
    """Check a `DiTPipeline` folder without loading it, and return its number of classes.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If the weights do not fit the configuration, or a class index is outside the
            label space.
    """
    from diffusers import AutoencoderKL, DiTTransformer2DModel

    check_component(AutoencoderKL, folder / "vae")
    config = check_component(DiTTransformer2DModel, folder / "transformer")
    read_trained_schedule(folder / "scheduler")
    known: int = config["num_embeds_ada_norm"]
    class_labels(classes, known)
    return known


def load_dit_autoencoder(folder: Path, config: AutoencoderConfig) -> LatentAutoencoder:
    """Load the autoencoder of a `DiTPipeline` folder.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If the weights do not fit the configuration.
    """
    from diffusers import AutoencoderKL

    vae = load_component(AutoencoderKL, folder / "vae", config)
    side = image_side(vae, folder / "transformer")
    return LatentAutoencoder(vae, side, PRECISIONS[config.precision])


def load_dit(folder: Path, config: BackboneConfig) -> DiffusionBackbone:
    """Load a `DiTPipeline` folder.

    Returns:
        A backbone; `time_frequencies` in its settings names those in use, not "auto".

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If the weights do not fit the configuration.
    """
    from diffusers import DiTTransformer2DModel

    part = folder / "transformer"
    transformer = load_component(DiTTransformer2DModel, part, config)
    settled = settle_dit(folder, config)
    if config.time_frequencies == AUTO:
        log_time_frequencies(part, settled.time_frequencies)
    warn_of_time_frequencies(part, config.time_frequencies)
    embed_time(transformer, settled.time_frequencies)
    trained = read_trained_schedule(folder / "scheduler")
    return assemble_backbone(DiTDenoiser(transformer), trained, settled)


def settle_dit(folder: Path, config: BackboneConfig) -> BackboneConfig:
    """Return settings with the time frequencies that a `DiTPipeline` folder is sampled with."""
    found = find_time_frequencies(folder / "transformer", config.time_frequencies)
    return replace(config, time_frequencies=found)
