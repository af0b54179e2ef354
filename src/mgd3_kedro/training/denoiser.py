"""A class-conditional diffusion transformer in latent space."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn import functional as F

from mgd3_kedro.checks import check_count, check_range, lookup
from mgd3_kedro.training.batches import PriorBatch, draw_flips
from mgd3_kedro.training.noise import (
    PREDICTIONS,
    draw_timesteps,
    error_weights,
    linear_alphas_cumprod,
)
from mgd3_kedro.training.settings import LoopConfig

if TYPE_CHECKING:
    from diffusers import DiTTransformer2DModel


@dataclass(frozen=True)
class DenoiserConfig(LoopConfig):
    """Size and training of a diffusion transformer.

    Args:
        layers: Transformer blocks.
        heads: Attention heads per block.
        head_dim: Channels per head; the width is heads x head_dim.
        patch_size: Side of a token in latent pixels.
        class_dropout: Probability that the class of a sample is replaced by the null class, for
            classifier-free guidance.
        prediction_type: A name of `PREDICTIONS`: what the transformer predicts.
        snr_gamma: Upper limit of the signal-to-noise ratio, which is the weight of the error of the
            clean sample. 5 is usual, and learns in fewer updates. None: no limit, which is the
            plain error of the noise.
        snr_floor: Lower limit of that ratio, so that very noisy samples are learnt too; 1 is usual
            if clean samples are predicted. None: no limit.
        log_sigma_mean: Mean of the logarithm of noise over signal, as amplitudes, of the training
            samples. None: all timesteps are equally probable.
        log_sigma_std: Standard deviation of that logarithm.

    Raises:
        ValueError: If a value is not valid; the message names the field.
    """

    layers: int
    heads: int
    head_dim: int
    patch_size: int
    class_dropout: float
    prediction_type: str
    snr_gamma: float | None
    snr_floor: float | None
    log_sigma_mean: float | None
    log_sigma_std: float | None

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("layers", "heads", "head_dim", "patch_size"):
            check_count(name, getattr(self, name))
        check_range("class_dropout", self.class_dropout, 0, 1)
        lookup(PREDICTIONS, self.prediction_type, "prediction type")
        for name in ("snr_gamma", "log_sigma_std"):
            if (value := getattr(self, name)) is not None:
                check_range(name, value, 0, low_open=True)
        if self.snr_floor is not None:
            check_range("snr_floor", self.snr_floor, 0, self.snr_gamma or math.inf, low_open=True)
        if self.log_sigma_mean is not None:
            check_range("log_sigma_mean", self.log_sigma_mean, -math.inf)
        if (self.log_sigma_mean is None) != (self.log_sigma_std is None):
            raise ValueError(
                "log_sigma_std: expected a number if log_sigma_mean is a number, and null if it "
                f"is null, got {self.log_sigma_std} and {self.log_sigma_mean}"
            )


def build_denoiser(
    config: DenoiserConfig, latent_shape: tuple[int, int, int], num_classes: int
) -> DiTTransformer2DModel:
    """Return a `DiTTransformer2DModel` whose blocks start as the identity.

    Args:
        config: Holds the size and the seed.
        latent_shape: (C, H, W) of a latent.
        num_classes: Real classes; index `num_classes` is the null class.

    Raises:
        ValueError: If the latent side is not a multiple of the patch size.

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
    # In train mode every block would drop labels at random, independently of the other blocks.
    return model.eval()


def denoiser_loss(
    latents: torch.Tensor,
    class_indices: torch.Tensor,
    config: DenoiserConfig,
    null_class: int,
    mirrored: torch.Tensor | None = None,
) -> Callable[[torch.nn.Module, PriorBatch], torch.Tensor]:
    """Return the loss function of a batch: the weighted squared error of the prediction.

    Args:
        latents: (N, C, H, W), scaled, on the training device.
        class_indices: (N,), int64.
        config: Holds the weights, the class dropout and the probability of mirroring.
        null_class: Index that stands for "no class".
        mirrored: Latents of the mirrored images, (N, C, H, W); they differ from mirrored latents.
            None if nothing is mirrored.

    Raises:
        ValueError: If samples are to be mirrored and `mirrored` is not of the latents' shape.

    Source: DDPM (arXiv 2006.11239), eq. 14; class dropout as in arXiv 2207.12598; weights and
    timesteps as in `training.noise`.
    """
    shape = None if mirrored is None else mirrored.shape
    if config.flip_probability > 0 and shape != latents.shape:
        raise ValueError(
            f"mirrored: expected latents of the mirrored images, {tuple(latents.shape)}, for "
            f"flip_probability {config.flip_probability:g}, got {shape and tuple(shape)}; encode "
            "both orientations"
        )
    where = latents.device
    alphas_cumprod = linear_alphas_cumprod().to(where)
    target_of = PREDICTIONS[config.prediction_type].target
    weights = error_weights(config.prediction_type, config.snr_gamma, config.snr_floor).to(where)
    class_indices = class_indices.to(where)

    def loss_of(model: torch.nn.Module, batch: PriorBatch) -> torch.Tensor:
        size, source = len(batch.indices), batch.generator
        timesteps = draw_timesteps(size, config.log_sigma_mean, config.log_sigma_std, source, where)
        dropped = torch.rand(size, generator=source, device=where) < config.class_dropout
        noise = torch.randn((size, *latents.shape[1:]), generator=source, device=where)
        flips = draw_flips(size, config.flip_probability, source, where)
        labels = class_indices[batch.indices].masked_fill(dropped, null_class)
        signal = alphas_cumprod[timesteps].view(-1, 1, 1, 1)
        clean = latents[batch.indices]
        if flips is not None and mirrored is not None:
            clean = torch.where(flips[:, None, None, None], mirrored[batch.indices], clean)
        noisy = signal.sqrt() * clean + (1 - signal).sqrt() * noise
        predicted = model(noisy, timestep=timesteps, class_labels=labels).sample
        target = target_of(clean, noise, signal)
        errors = F.mse_loss(predicted.float(), target, reduction="none")
        return (weights[timesteps] * errors.mean((1, 2, 3))).mean()

    return loss_of
