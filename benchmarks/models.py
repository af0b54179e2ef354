"""Models of named sizes with random weights, saved and loaded as users do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch

from mgd3_kedro.backbones import BackboneConfig, load_backbone
from mgd3_kedro.backbones.diffusion import DiffusionBackbone
from mgd3_kedro.benchmark import ClassSpec
from mgd3_kedro.records import ModelFolder
from mgd3_kedro.sampling import SamplingConfig, denoise, image_generator

if TYPE_CHECKING:
    from diffusers import DiTTransformer2DModel

LATENT_CHANNELS = 4
GUIDANCE_SCALE = 4.0
MODE_GUIDANCE_SCALE = 0.1
SEED = 0


@dataclass(frozen=True)
class DiTSize:
    """Size of a diffusion transformer with patches of 2 x 2 latent pixels.

    Args:
        name: Name of its folder.
        layers: Number of blocks.
        heads: Attention heads of a block.
        head_dim: Width of a head.
        latent_side: Height and width of a latent.
        classes: Number of classes.
        predicts_variance: Whether there are two output channels per latent channel.
    """

    name: str
    layers: int
    heads: int
    head_dim: int
    latent_side: int
    classes: int
    predicts_variance: bool


SMALL = DiTSize("small", 6, 4, 32, 8, classes=10, predicts_variance=False)
"""The prior for handwritten digits that comes with the project: 16 tokens."""
S2 = DiTSize("s2", 12, 6, 64, 32, classes=1000, predicts_variance=True)
"""DiT-S/2 at 256 px: 256 tokens."""
XL2 = DiTSize("xl2", 28, 16, 72, 32, classes=1000, predicts_variance=True)
"""DiT-XL/2 at 256 px: 256 tokens."""


@dataclass(frozen=True)
class Bench:
    """Where and for how long to measure.

    Args:
        folder: Empty at first; models and results are written there.
        device: Device of the models.
        seconds: Time for the rounds of one measurement.
    """

    folder: Path
    device: str
    seconds: float


@dataclass(frozen=True)
class Work:
    """A batch of images to draw.

    Args:
        size: Size of the model.
        images: Batch size.
        steps: T.
        precision: Precision of the model.
        compile: Whether to compile the model.
    """

    size: DiTSize
    images: int
    steps: int
    precision: str = "fp32"
    compile: bool = False

    def specs(self) -> list[ClassSpec]:
        """Return the class of each image."""
        indices = [i % self.size.classes for i in range(self.images)]
        return [ClassSpec(index, str(index), index, str(index)) for index in indices]

    def modes(self) -> torch.Tensor:
        """Return the mode of each image, (B, C, H, W)."""
        side = self.size.latent_side
        generator = torch.Generator().manual_seed(SEED)
        return torch.randn((self.images, LATENT_CHANNELS, side, side), generator=generator)

    def generators(self) -> list[torch.Generator]:
        """Return the generator of each image."""
        return [image_generator(SEED, spec.class_index, 0) for spec in self.specs()]


def build_dit(size: DiTSize) -> DiTTransformer2DModel:
    """Return a transformer with random weights.

    Source: DiT (arXiv 2212.09748), Table 1 for the sizes.
    """
    from diffusers import DiTTransformer2DModel

    torch.manual_seed(SEED)
    return DiTTransformer2DModel(
        num_attention_heads=size.heads,
        attention_head_dim=size.head_dim,
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS * (2 if size.predicts_variance else 1),
        num_layers=size.layers,
        sample_size=size.latent_side,
        patch_size=2,
        num_embeds_ada_norm=size.classes,
    )


def save_dit(folder: Path, size: DiTSize) -> ModelFolder:
    """Save a transformer with random weights, and its scheduler, if it does not exist."""
    from diffusers import DDPMScheduler

    path = folder / size.name
    if not path.exists():
        build_dit(size).save_pretrained(path / "transformer")
        variance_type = "learned_range" if size.predicts_variance else "fixed_small"
        scheduler = DDPMScheduler(
            beta_schedule="linear",
            variance_type=variance_type,
            clip_sample=False,
            timestep_spacing="linspace",
        )
        scheduler.save_pretrained(path / "scheduler")
    return ModelFolder(path, size.name, "dit")


def load_dit(bench: Bench, work: Work) -> DiffusionBackbone:
    """Return the backbone for a batch."""
    config = settings_of(work, bench.device)
    return cast(DiffusionBackbone, load_backbone(save_dit(bench.folder, work.size), config))


def settings_of(work: Work, device: str) -> BackboneConfig:
    """Return the sampler settings for a batch."""
    return BackboneConfig(
        sampler="ddpm",
        num_inference_steps=work.steps,
        timestep_spacing="linspace",
        reference_steps=None,
        guidance_scale=GUIDANCE_SCALE,
        cfg_channels=None,
        cfg_from_timestep=0,
        cfg_to_timestep=1000,
        prompt_template="{class_name}",
        negative_prompt="",
        precision=work.precision,
        compile=work.compile,
        max_batch=work.images,
        device=device,
    )


def draw(backbone: DiffusionBackbone, work: Work, **changes: Any) -> torch.Tensor:
    """Draw all images of a batch at once, with mode guidance at every step but the last.

    Args:
        backbone: Backbone of the same size.
        work: The batch.
        changes: Settings of sampling that differ from the default.
    """
    settings: dict[str, Any] = {
        "initial_latents": "noise",
        "noise_strength": 1.0,
        "mode_guidance_scale": MODE_GUIDANCE_SCALE,
        "mode_guidance_schedule": "constant",
        "stop_guidance_step": 0,
        "stop_guidance_timestep": None,
    }
    config = SamplingConfig(**settings | changes)
    return denoise(backbone, work.modes(), work.specs(), config, work.generators())
