"""Minimax diffusion: a diffusion transformer fine-tuned to draw typical and different images."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from mgd3_kedro.backbones.schedule import TrainedSchedule
from mgd3_kedro.checks import check_choice, check_latents
from mgd3_kedro.matching.adaptation import Adaptation
from mgd3_kedro.matching.memories import ClassMemories
from mgd3_kedro.matching.minimax_loss import MinimaxModules, minimax_loss
from mgd3_kedro.matching.minimax_settings import MinimaxConfig
from mgd3_kedro.training.loop import Trained, train

if TYPE_CHECKING:
    from diffusers import DiTTransformer2DModel


def fine_tune(
    transformer: DiTTransformer2DModel,
    schedule: TrainedSchedule,
    latents: torch.Tensor,
    class_indices: torch.Tensor,
    config: MinimaxConfig,
    *,
    checkpoint: Path,
    identity: str,
    device: torch.device,
) -> Trained:
    """Fine-tune a transformer for a few classes, and continue from a checkpoint if there is one.

    The checkpoint holds the memories too, so an interrupted fine-tuning gives the same result as an
    uninterrupted one. The published code flips images at random in every epoch and draws their
    latents. Here the latents are fixed, so they must include those of mirrored images, which
    `encoding.flip=both` adds. Gradients are clipped to norm 1, which is ours.

    Args:
        transformer: Predicts noise, and also variances if it has twice as many output channels; not
            changed.
        schedule: The noise schedule that it was trained with.
        latents: (N, C, H, W), scaled.
        class_indices: (N,), int64, in the label space of the transformer.
        config: Settings of the fine-tuning.
        checkpoint: File that is written regularly; a checkpoint of another `identity` is ignored.
        identity: What the checkpoint must agree on: code, configuration, data, transformer.
        device: Where to train.

    Returns:
        A copy of the transformer in float32 and eval mode with the averaged weights, its loss curve
        and the time it took. It differs from the given one in biases, norms, the label embedding,
        and by one factor for each row of the scaled layers.

    Raises:
        ValueError: If the latents or class indices do not fit the transformer, there are too many
            classes, or the transformer does not predict noise.
        FloatingPointError: If the loss is not finite.

    Source: minimax diffusion (arXiv 2311.15529), released code.
    """
    _check_inputs(transformer, schedule, latents, class_indices, config)
    classes = class_indices.unique()
    channels, height, width = latents.shape[1:]
    tuned = copy.deepcopy(transformer).float().to(device).requires_grad_(False).eval()
    memories = ClassMemories(len(classes), config.memory_size, (channels, height, width))
    trained = train(
        MinimaxModules(Adaptation(tuned, config.scaled_blocks), memories),
        minimax_loss(tuned, schedule, latents.float().to(device), class_indices.cpu(), config),
        len(latents),
        config.loop(len(latents)),
        checkpoint=checkpoint,
        identity=identity,
        device=device,
        rate_setting="methods.NAME.learning_rate",
    )
    state: Any = trained.model
    state.average.move_towards(state.adaptation, config.ema_decay)
    state.average.apply_to(tuned)
    return replace(trained, model=tuned)


def _check_inputs(
    transformer: DiTTransformer2DModel,
    schedule: TrainedSchedule,
    latents: torch.Tensor,
    class_indices: torch.Tensor,
    config: MinimaxConfig,
) -> None:
    check_choice("prediction_type", schedule.prediction_type, ("epsilon",))
    check_latents("latents", latents)
    known = transformer.config
    shape = (known.in_channels, known.sample_size, known.sample_size)
    if tuple(latents.shape[1:]) != shape:
        raise ValueError(
            f"latents: expected shape (N, {', '.join(map(str, shape))}), as the transformer's, "
            f"got {tuple(latents.shape)}"
        )
    if class_indices.shape != latents.shape[:1] or class_indices.dtype != torch.int64:
        raise ValueError(
            f"class_indices: expected int64 of shape ({len(latents)},), got {class_indices.dtype} "
            f"of shape {tuple(class_indices.shape)}"
        )
    low, high, last = int(class_indices.min()), int(class_indices.max()), known.num_embeds_ada_norm
    if low < 0 or high >= last:
        raise ValueError(f"class_indices: expected 0..{last - 1}, got {low}..{high}")
    count = len(class_indices.unique())
    if count > config.classes_at_once:
        raise ValueError(
            f"class_indices: expected at most {config.classes_at_once} classes at once, got {count}"
        )
