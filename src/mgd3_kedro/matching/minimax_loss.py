"""The loss of minimax diffusion, and the state that it depends on."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

from mgd3_kedro.backbones.schedule import TrainedSchedule
from mgd3_kedro.matching.adaptation import Adaptation
from mgd3_kedro.matching.memories import ClassMemories
from mgd3_kedro.matching.minimax_settings import MinimaxConfig
from mgd3_kedro.matching.variational import VariationalBound
from mgd3_kedro.training.batches import PriorBatch

if TYPE_CHECKING:
    from diffusers import DiTTransformer2DModel


class MinimaxModules(nn.Module):
    """Everything that a fine-tuning changes, and so everything that its checkpoint holds.

    Args:
        adaptation: The weights that are trained.
        memories: Latents and predictions of each class.
    """

    def __init__(self, adaptation: Adaptation, memories: ClassMemories) -> None:
        super().__init__()
        self.adaptation = adaptation
        self.average = copy.deepcopy(adaptation).requires_grad_(False)
        self.memories = memories


class NoisyBatch(NamedTuple):
    """The input of the transformer for a batch, and the targets.

    Args:
        clean: Latents, (B, C, H, W).
        noise: (B, C, H, W), standard normal.
        noisy: Latents mixed with noise, (B, C, H, W).
        signal: (B, 1, 1, 1), share of signal variance.
        timesteps: (B,), int64, on CPU.
        labels: (B,), int64, on CPU, class indices or the null class.
    """

    clean: torch.Tensor
    noise: torch.Tensor
    noisy: torch.Tensor
    signal: torch.Tensor
    timesteps: torch.Tensor
    labels: torch.Tensor

    def clean_pred(self, noise_pred: torch.Tensor) -> torch.Tensor:
        """Return the clean latents that predicted noise implies, (B, C, H, W)."""
        return (self.noisy - (1 - self.signal).sqrt() * noise_pred) / self.signal.sqrt()


def minimax_loss(
    transformer: DiTTransformer2DModel,
    schedule: TrainedSchedule,
    latents: torch.Tensor,
    class_indices: torch.Tensor,
    config: MinimaxConfig,
) -> Callable[[nn.Module, PriorBatch], torch.Tensor]:
    """Return the loss function of a batch; each call also adds its predictions to the memories.

    The loss is the sum of the squared error of the noise, the variational bound if the transformer
    predicts variances (with gradients for the variances only), and both weighted criteria of the
    predicted clean latents. Predictions are remembered under the true class, even if the
    transformer got the null class.

    Args:
        transformer: The transformer to adapt; not changed.
        schedule: The noise schedule that it was trained with.
        latents: (N, C, H, W), scaled, on the training device.
        class_indices: (N,), int64, on CPU.
        config: Settings of the fine-tuning.

    Source: minimax diffusion (arXiv 2311.15529), released code.
    """
    alphas_cumprod = schedule.alphas_cumprod()
    bound = VariationalBound(alphas_cumprod)
    null_class = int(transformer.config.num_embeds_ada_norm)
    labels = class_indices.unique(return_inverse=True)[1]

    def loss_of(model: nn.Module, batch: PriorBatch) -> torch.Tensor:
        state: Any = model
        # The previous update is complete only now, so its weights enter the average here.
        state.average.move_towards(state.adaptation, config.ema_decay)
        seen = _noisy_batch(latents, class_indices, alphas_cumprod, null_class, config, batch)
        output = torch.func.functional_call(
            transformer,
            state.adaptation.weights(transformer),
            (seen.noisy,),
            {
                "timestep": seen.timesteps.to(latents.device),
                "class_labels": seen.labels.to(latents.device),
            },
        ).sample.float()
        noise_pred, *variance_pred = output.split(latents.shape[1], dim=1)
        clean_pred = seen.clean_pred(noise_pred)
        loss = F.mse_loss(noise_pred, seen.noise)
        for share in variance_pred:
            bits = bound.bits(seen.timesteps, seen.clean, clean_pred.detach(), share)
            loss = loss + bits.mean()
        criteria = state.memories.compare(clean_pred, labels[batch.indices])
        state.memories.remember(seen.clean, clean_pred, labels[batch.indices])
        return (
            loss
            + config.representativeness_weight * criteria.representativeness
            + config.diversity_weight * criteria.diversity
        )

    return loss_of


def _noisy_batch(
    latents: torch.Tensor,
    class_indices: torch.Tensor,
    alphas_cumprod: torch.Tensor,
    null_class: int,
    config: MinimaxConfig,
    batch: PriorBatch,
) -> NoisyBatch:
    size, source, device = len(batch.indices), batch.generator, latents.device
    timesteps = torch.randint(len(alphas_cumprod), (size,), generator=source)
    dropped = torch.rand(size, generator=source) < config.class_dropout
    noise = torch.randn((size, *latents.shape[1:]), generator=source).to(device)
    labels = torch.where(dropped, null_class, class_indices[batch.indices])
    signal = alphas_cumprod[timesteps].float().view(-1, 1, 1, 1).to(device)
    clean = latents[batch.indices.to(device)]
    noisy = signal.sqrt() * clean + (1 - signal).sqrt() * noise
    return NoisyBatch(clean, noise, noisy, signal, timesteps, labels)
