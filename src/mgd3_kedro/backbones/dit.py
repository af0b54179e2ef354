"""Class-conditional diffusion transformers saved in diffusers' `DiTPipeline` format."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from mgd3_kedro.backbones.autoencoder import LatentAutoencoder
from mgd3_kedro.backbones.batching import ROW_TILE, pad_batch
from mgd3_kedro.backbones.conditioning import classifier_free
from mgd3_kedro.backbones.samplers import SAMPLERS
from mgd3_kedro.backbones.schedule import NoiseSchedule, respaced_schedule
from mgd3_kedro.backbones.settings import BackboneConfig
from mgd3_kedro.backbones.weights import check_component, load_component
from mgd3_kedro.devices import resolve_device
from mgd3_kedro.records import DenoisingStep

if TYPE_CHECKING:
    from diffusers import DiTTransformer2DModel


@dataclass(frozen=True)
class DiTBackbone:
    """A DiT and its autoencoder, sampled with classifier-free guidance.

    The null class is the index after the last real one, as the model's own configuration has it.

    Args:
        transformer: Predicts the noise, and a share of the log variance if it has twice as many
            output channels.
        autoencoder: Between images and latents.
        schedule: The respaced noise schedule.
        config: Guidance scale, guided channels and sampler.

    Source: DiT (arXiv 2212.09748).
    """

    transformer: DiTTransformer2DModel
    autoencoder: LatentAutoencoder
    schedule: NoiseSchedule
    config: BackboneConfig

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of a latent."""
        size = self.transformer.config.sample_size
        return self.transformer.config.in_channels, size, size

    @property
    def num_inference_steps(self) -> int:
        """T, the number of reverse steps."""
        return len(self.schedule)

    @property
    def num_classes(self) -> int:
        """Size of the label space without the null class."""
        return int(self.transformer.config.num_embeds_ada_norm)

    @torch.no_grad()
    def step(self, index: int, latents: torch.Tensor, classes: torch.Tensor) -> DenoisingStep:
        """Predict one reverse step for latents (B, C, H, W) of classes (B,)."""
        count = len(latents)
        rows, labels = pad_batch(latents, ROW_TILE), pad_batch(classes, ROW_TILE)
        scale = self.config.guidance_scale
        if scale == 1:
            conditional, variance = self._predict(index, rows, labels)
            combined = conditional
        else:
            null = torch.full_like(labels, self.num_classes)
            both, variance = self._predict(
                index, torch.cat([rows, rows]), torch.cat([labels, null])
            )
            conditional, unconditional = both.chunk(2)
            combined = classifier_free(conditional, unconditional, scale, self.config.cfg_channels)
        sampler = SAMPLERS[self.config.sampler]
        variance = None if variance is None else variance[:count]
        return sampler(self.schedule, index, latents, combined[:count], variance)

    def add_noise(self, latents: torch.Tensor, noise: torch.Tensor, index: int) -> torch.Tensor:
        """Bring clean latents (B, C, H, W) to the noise level of a step index."""
        return self.schedule.add_noise(latents, noise, index)

    def _predict(
        self, index: int, latents: torch.Tensor, labels: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        device = self.transformer.device
        timesteps = self.schedule.timesteps[index].expand(len(latents)).to(device)
        output = self.transformer(
            latents.to(device), timestep=timesteps, class_labels=labels.to(device)
        ).sample
        output = output.float().to(latents.device)
        channels = latents.shape[1]
        if output.shape[1] == channels:
            return output, None
        return output[:, :channels], output[:, channels:]


def check_dit(folder: Path) -> None:
    """Check a `DiTPipeline` folder without loading it.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If the weights do not fit the configuration.

    Source: ours.
    """
    from diffusers import AutoencoderKL, DiTTransformer2DModel

    check_component(AutoencoderKL, folder / "vae")
    check_component(DiTTransformer2DModel, folder / "transformer")


def load_dit_autoencoder(folder: Path, device: str) -> LatentAutoencoder:
    """Load the autoencoder of a `DiTPipeline` folder.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If the weights do not fit the configuration.

    Source: ours.
    """
    from diffusers import AutoencoderKL

    return LatentAutoencoder(load_component(AutoencoderKL, folder / "vae", resolve_device(device)))


def load_dit(folder: Path, config: BackboneConfig) -> DiTBackbone:
    """Load a `DiTPipeline` folder; its scheduler's settings are not used, those of `config` are.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If the weights do not fit the configuration.

    Source: ours.
    """
    from diffusers import DiTTransformer2DModel

    device = resolve_device(config.device)
    return DiTBackbone(
        load_component(DiTTransformer2DModel, folder / "transformer", device),
        load_dit_autoencoder(folder, config.device),
        respaced_schedule(config.num_inference_steps),
        config,
    )
