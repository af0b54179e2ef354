"""Text-to-image models saved in diffusers' `StableDiffusionPipeline` format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from mgd3_kedro.backbones.autoencoder import LatentAutoencoder, image_side
from mgd3_kedro.backbones.base import ConditionChange
from mgd3_kedro.backbones.diffusion import DiffusionBackbone, assemble_backbone
from mgd3_kedro.backbones.features import middle_of, output_of
from mgd3_kedro.backbones.schedule import read_trained_schedule
from mgd3_kedro.backbones.settings import CLASS_NAME, AutoencoderConfig, BackboneConfig
from mgd3_kedro.backbones.text import PromptEncoder, check_prompt_encoder, load_prompt_encoder
from mgd3_kedro.backbones.time_frequencies import require_auto_time_frequencies
from mgd3_kedro.backbones.weights import CONFIG_FILE, check_component, load_component
from mgd3_kedro.benchmark import ClassSpec
from mgd3_kedro.devices import PRECISIONS

if TYPE_CHECKING:
    from diffusers import UNet2DConditionModel

OTHER_INPUTS = (
    "addition_embed_type",
    "class_embed_type",
    "encoder_hid_dim",
    "num_class_embeds",
    "time_cond_proj_dim",
)
"""Settings of a U-Net that must be null, as they add other conditions than a prompt: a size, a
class, an image, a guidance scale."""


@dataclass(frozen=True, eq=False)
class StableDiffusionDenoiser:
    """A U-Net conditioned on the embeddings of a prompt, which names the class.

    Args:
        unet: Predicts from latents, timestep and embeddings.
        prompts: Encodes prompts.
        prompt_template: The prompt, with `{class_name}` where the class name is inserted.
        negative_prompt: The prompt of the null condition.

    Source: latent diffusion (arXiv 2112.10752), section 3.3; class names as prompts are as in MGD3
        (arXiv 2505.18963).
    """

    unet: UNet2DConditionModel
    prompts: PromptEncoder
    prompt_template: str
    negative_prompt: str

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of a latent."""
        size = self.unet.config.sample_size
        return self.unet.config.in_channels, size, size

    @property
    def embedding_shape(self) -> tuple[int, ...]:
        """(L, D) of the embeddings of a prompt."""
        return tuple(self.null_condition().shape[1:])

    @cached_property
    def device(self) -> torch.device:
        """Device of the network."""
        return self.unet.device

    def conditions(self, classes: Sequence[ClassSpec]) -> torch.Tensor:
        """Return the embeddings of each sample's prompt, (B, L, D)."""
        prompts = [self.prompt_template.replace(CLASS_NAME, spec.class_name) for spec in classes]
        return torch.cat([self.prompts.encode(prompt) for prompt in prompts])

    def null_condition(self) -> torch.Tensor:
        """Return the embeddings of the negative prompt, (1, L, D)."""
        return self.prompts.encode(self.negative_prompt)

    def predict(
        self,
        latents: torch.Tensor,
        timesteps: torch.Tensor,
        conditions: torch.Tensor,
        change: ConditionChange | None = None,
    ) -> torch.Tensor:
        """Return the output (B, C, H, W)."""
        if change is not None:
            conditions = change.apply(conditions, change.others)
        output: torch.Tensor = self.unet(
            latents, timesteps, encoder_hidden_states=conditions
        ).sample
        return output

    def features(
        self, latents: torch.Tensor, timesteps: torch.Tensor, conditions: torch.Tensor, depth: float
    ) -> torch.Tensor:
        """Return the features after the middle block, averaged over places, (B, D), float32."""
        # `forward`, not a call: the call may be compiled, and then runs no hooks.
        run = partial(self.unet.forward, latents, timesteps, conditions)
        return output_of(middle_of(self.unet), run).float().mean((2, 3))


def check_stable_diffusion(folder: Path, classes: Sequence[ClassSpec]) -> None:
    """Check a `StableDiffusionPipeline` folder without loading weights.

    Raises:
        ModuleNotFoundError: If transformers is not installed.
        FileNotFoundError: If a file is missing.
        ValueError: If the weights do not fit the configuration, the parts do not fit each other,
            the U-Net needs more than a prompt, or a class has no name.
    """
    from diffusers import AutoencoderKL, UNet2DConditionModel

    vae = check_component(AutoencoderKL, folder / "vae")
    unet = check_component(UNet2DConditionModel, folder / "unet")
    read_trained_schedule(folder / "scheduler")
    _check_inputs(folder / "unet", unet, vae["latent_channels"], check_prompt_encoder(folder))
    for spec in classes:
        if not spec.class_name.strip():
            raise ValueError(
                f"class {spec.wnid}: expected a class_name for the prompt, got "
                f"{spec.class_name!r}; add it to the class table of the benchmark"
            )


def load_stable_diffusion_autoencoder(folder: Path, config: AutoencoderConfig) -> LatentAutoencoder:
    """Load the autoencoder of a `StableDiffusionPipeline` folder.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If the weights do not fit the configuration.
    """
    from diffusers import AutoencoderKL

    vae = load_component(AutoencoderKL, folder / "vae", config)
    side = image_side(vae, folder / "unet")
    return LatentAutoencoder(vae, side, PRECISIONS[config.precision])


def load_stable_diffusion(folder: Path, config: BackboneConfig) -> DiffusionBackbone:
    """Load a `StableDiffusionPipeline` folder; a safety checker is not needed.

    Raises:
        ModuleNotFoundError: If transformers is not installed.
        FileNotFoundError: If a file is missing.
        ValueError: If the weights do not fit the configuration, the parts do not fit each other,
            the U-Net needs more than a prompt, or a setting is for diffusion transformers only.
    """
    from diffusers import UNet2DConditionModel

    require_auto_time_frequencies(folder, config)
    check_stable_diffusion(folder, ())
    unet = load_component(UNet2DConditionModel, folder / "unet", config)
    prompts = load_prompt_encoder(folder, config)
    denoiser = StableDiffusionDenoiser(
        unet, prompts, config.prompt_template, config.negative_prompt
    )
    return assemble_backbone(denoiser, read_trained_schedule(folder / "scheduler"), config)


def _check_inputs(
    folder: Path, unet: Mapping[str, Any], latent_channels: int, embedding_size: int
) -> None:
    file = folder / CONFIG_FILE
    for name in OTHER_INPUTS:
        if unet.get(name) is not None:
            raise ValueError(
                f"{file}: expected {name} to be null, as the U-Net gets only latents, a timestep "
                f"and a prompt, got {unet[name]!r}; use a plain text-to-image model, such as "
                "Stable Diffusion 1.5 or 2.1"
            )
    for name in ("in_channels", "out_channels"):
        if unet[name] != latent_channels:
            raise ValueError(
                f"{file}: expected {name} {latent_channels}, the channels of a latent, got "
                f"{unet[name]}; take a model of whole images, not for inpainting or upscaling"
            )
    if not isinstance(unet["sample_size"], int):
        raise ValueError(
            f"{file}: expected sample_size to be one whole number, the side of a latent, "
            f"got {unet['sample_size']!r}; take a model of square images"
        )
    widths = unet["cross_attention_dim"]
    for width in widths if isinstance(widths, list) else [widths]:
        if width != embedding_size:
            raise ValueError(
                f"{file}: expected cross_attention_dim {embedding_size}, the hidden_size of the "
                f"text encoder, got {width}; take both from one model"
            )
