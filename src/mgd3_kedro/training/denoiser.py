"""A class-conditional diffusion transformer in latent space."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn import functional as F

from mgd3_kedro.checks import check_count, check_range
from mgd3_kedro.training.loop import Batch, LoopConfig

if TYPE_CHECKING:
    from diffusers import DiTTransformer2DModel

TRAIN_TIMESTEPS = 1000


@dataclass(frozen=True)
class DenoiserConfig(LoopConfig):
    """Size and training of a diffusion transformer.

    Args:
        layers: Transformer blocks.
        heads: Attention heads per block.
        head_dim: Channels per head; the width is heads x head_dim.
        patch_size: Side of a token in latent pixels.
        class_dropout: Probability that an update sees the null class instead, for classifier-free
            guidance.

    Raises:
        ValueError: Naming the field that does not fit.
    """

    layers: int
    heads: int
    head_dim: int
    patch_size: int
    class_dropout: float

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("layers", "heads", "head_dim", "patch_size"):
            check_count(name, getattr(self, name))
        check_range("class_dropout", self.class_dropout, 0, 1)


def linear_alphas_cumprod() -> torch.Tensor:
    """Return the signal shares of the linear schedule, betas 1e-4 to 0.02, (1000,), float32.

    Source: DDPM (arXiv 2006.11239), section 4.
    """
    betas = torch.linspace(1e-4, 0.02, TRAIN_TIMESTEPS, dtype=torch.float64)
    return torch.cumprod(1 - betas, 0).float()


def build_denoiser(
    config: DenoiserConfig, latent_shape: tuple[int, int, int], num_classes: int
) -> DiTTransformer2DModel:
    """Return a `DiTTransformer2DModel` whose blocks start as the identity.

    Args:
        config: Holds the size and the seed.
        latent_shape: (C, H, W) of a latent.
        num_classes: Real classes; index `num_classes` is the null class.

    Raises:
        ValueError: If the latent side is no multiple of the patch size.

    Source: DiT (arXiv 2212.09748), adaLN-Zero.
    """
    from diffusers import DiTTransformer2DModel

    channels, side, _ = latent_shape
    if side % config.patch_size:
        raise ValueError(f"patch_size: expected a divisor of {side}, got {config.patch_size}")
    with torch.random.fork_rng():
        torch.manual_seed(config.seed)
        model = DiTTransformer2DModel(
            num_attention_heads=config.heads,
            attention_head_dim=config.head_dim,
            in_channels=channels,
            out_channels=channels,
            num_layers=config.layers,
            sample_size=side,
            patch_size=config.patch_size,
            num_embeds_ada_norm=num_classes,
            norm_type="ada_norm_zero",
        )
        for name, parameter in model.named_parameters():
            if parameter.ndim == 2 and "embed" not in name:
                torch.nn.init.xavier_uniform_(parameter)
            elif "class_embedder.embedding_table" in name:
                torch.nn.init.normal_(parameter, std=0.02)
    # diffusers leaves these at random; at zero each block is the identity and the output is 0.
    modulations = [block.norm1.linear for block in model.transformer_blocks]
    for layer in (*modulations, model.proj_out_1, model.proj_out_2):
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    # In train mode every block would drop the label by a coin of its own.
    return model.eval()


def denoiser_loss(
    latents: torch.Tensor, class_indices: torch.Tensor, config: DenoiserConfig, null_class: int
) -> Callable[[torch.nn.Module, Batch], torch.Tensor]:
    """Return the loss of a batch: squared error of the predicted noise.

    Args:
        latents: (N, C, H, W), scaled, on the training device.
        class_indices: (N,), int64.
        config: Holds the class dropout.
        null_class: Index that stands for "no class".

    Source: DDPM (arXiv 2006.11239), eq. 14; class dropout as in arXiv 2207.12598.
    """
    alphas_cumprod = linear_alphas_cumprod()

    def loss_of(model: torch.nn.Module, batch: Batch) -> torch.Tensor:
        size, source = len(batch.indices), batch.generator
        timesteps = torch.randint(TRAIN_TIMESTEPS, (size,), generator=source)
        dropped = torch.rand(size, generator=source) < config.class_dropout
        noise = torch.randn((size, *latents.shape[1:]), generator=source).to(latents.device)
        labels = torch.where(dropped, null_class, class_indices[batch.indices])
        signal = alphas_cumprod[timesteps].view(-1, 1, 1, 1).to(latents.device)
        clean = latents[batch.indices.to(latents.device)]
        noisy = signal.sqrt() * clean + (1 - signal).sqrt() * noise
        predicted = model(
            noisy,
            timestep=timesteps.to(latents.device),
            class_labels=labels.to(latents.device),
        ).sample
        return F.mse_loss(predicted.float(), noise)

    return loss_of
