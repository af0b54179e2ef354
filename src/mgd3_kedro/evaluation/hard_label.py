"""The hard-label protocol: SGD on augmented, mixed images with one-hot labels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from mgd3_kedro.checks import check_count
from mgd3_kedro.evaluation.augment import augment, draw_augmentation
from mgd3_kedro.evaluation.cutmix import cut_mix, draw_cut
from mgd3_kedro.evaluation.recipe import Plan, Recipe

if TYPE_CHECKING:
    from mgd3_kedro.evaluation.protocols import EvaluationConfig

EPOCHS_BY_IPC = ((1, 3000), (10, 2000), (50, 1500), (200, 1000), (500, 500))
"""Largest number of images per class -> epochs; beyond the last, `EPOCHS_OF_MANY`."""
EPOCHS_OF_MANY = 300
DECAY = 0.2
"""Factor of the learning rate at each milestone."""


def epochs_for(ipc: int, num_classes: int) -> int:
    """Return the hard-label protocol's published number of epochs.

    With exactly 100 classes, and not with more, it is two thirds, floored to hundreds.

    Args:
        ipc: Images per class.
        num_classes: Classes of the benchmark.

    Source: Minimax diffusion (arXiv 2311.15529), released code.
    """
    check_count("ipc", ipc)
    check_count("num_classes", num_classes)
    epochs = next((epochs for most, epochs in EPOCHS_BY_IPC if ipc <= most), EPOCHS_OF_MANY)
    return epochs * 2 // 3 // 100 * 100 if num_classes == 100 else epochs


def milestones(epochs: int) -> tuple[int, int]:
    """Return the epochs after which the learning rate drops: two thirds and five sixths.

    Source: Minimax diffusion (arXiv 2311.15529), released code.
    """
    return max(1, 2 * epochs // 3), max(1, 5 * epochs // 6)


def plan_training(config: EvaluationConfig, ipc: int, num_classes: int) -> Plan:
    """Return the numbers of a hard-label training.

    Source: Minimax diffusion (arXiv 2311.15529), released code.
    """
    rate, decay, batch = (0.1, 1e-4, 128) if num_classes > 100 else (0.01, 5e-4, 64)
    return Plan(
        epochs=max(1, round(epochs_for(ipc, num_classes) * config.epoch_scale)),
        batch_size=batch if config.batch_size is None else config.batch_size,
        learning_rate=rate if config.learning_rate is None else config.learning_rate,
        weight_decay=decay if config.weight_decay is None else config.weight_decay,
        momentum=config.momentum,
    )


def sgd(parameters: Iterable[torch.nn.Parameter], plan: Plan) -> torch.optim.Optimizer:
    """Return SGD with momentum; the decay falls on every parameter, norms and biases too.

    Source: Minimax diffusion (arXiv 2311.15529), released code.
    """
    return torch.optim.SGD(
        parameters,
        lr=plan.learning_rate,
        momentum=plan.momentum,
        weight_decay=plan.weight_decay,
    )


def stepped_rate(epoch: int, plan: Plan) -> float:
    """Return the learning rate of an epoch, counted from 1, multiplied by .2 per milestone.

    Source: Minimax diffusion (arXiv 2311.15529), released code.
    """
    passed = sum(epoch > milestone for milestone in milestones(plan.epochs))
    return plan.learning_rate * DECAY**passed


def mixed_batches(
    images: torch.Tensor,
    labels: torch.Tensor,
    config: EvaluationConfig,
    plan: Plan,
    num_classes: int,
    generator: torch.Generator,
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield one epoch, every image once in random order; the last batch may be small.

    Args:
        images: (N, 3, S, S), uint8.
        labels: (N,), int64.
        config: Strengths of the augmentation.
        plan: Batch size.
        num_classes: Length of a target.
        generator: Source of all randomness, on CPU.

    Yields:
        Normalised images (B, 3, S, S) and class probabilities (B, num_classes).

    Source: Minimax diffusion (arXiv 2311.15529), released code.
    """
    count, size, device = len(images), images.shape[-1], images.device
    order = torch.randperm(count, generator=generator).to(device)
    drawn = draw_augmentation(
        count,
        size,
        crop_min_scale=config.crop_min_scale,
        flip_probability=config.flip_probability,
        jitter_strength=config.jitter_strength,
        lighting_std=config.lighting_std,
        generator=generator,
    )
    for start in range(0, count, plan.batch_size):
        rows = slice(start, start + plan.batch_size)
        chosen = order[rows]
        inputs = augment(images[chosen].float() / 255, drawn.rows(rows, device))
        targets = F.one_hot(labels[chosen], num_classes).float()
        if config.cutmix:
            cut = draw_cut(len(chosen), size, generator)
            inputs, targets = cut_mix(inputs, targets, cut)
        yield inputs, targets


HARD_LABEL = Recipe(plan_training, sgd, stepped_rate, mixed_batches, F.cross_entropy)
