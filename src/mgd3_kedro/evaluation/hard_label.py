"""The hard-label protocol: SGD on augmented, mixed images with one-hot labels."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import nn

from mgd3_kedro.checks import check_count
from mgd3_kedro.evaluation.augment import augment, draw_augmentation
from mgd3_kedro.evaluation.cutmix import cut_mix, draw_cut
from mgd3_kedro.evaluation.data import LabelledSet, TrainingBatch
from mgd3_kedro.evaluation.patches import draw_patch_orders, shuffle_patches
from mgd3_kedro.evaluation.rand_augment import draw_operations, rand_augment
from mgd3_kedro.evaluation.recipe import Recipe, TrainingPlan

EPOCHS_BY_IPC = ((1, 3000), (10, 2000), (50, 1500), (200, 1000), (500, 500))
"""(Largest number of images per class, epochs); above the last number: `EPOCHS_OF_MANY`."""
EPOCHS_OF_MANY = 300
DECAY = 0.2
"""Factor of the learning rate at each milestone."""


def epochs_for(ipc: int, num_classes: int) -> int:
    """Return the hard-label protocol's published number of epochs.

    It depends on `ipc`, see `EPOCHS_BY_IPC`. With exactly 100 classes (not with more), it is two
    thirds of the number there, rounded down to a multiple of 100.

    Args:
        ipc: Images per class.
        num_classes: Number of classes of the benchmark.

    Raises:
        ValueError: If an argument is not a positive whole number.

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


def published_numbers(ipc: int, num_classes: int, network: str) -> TrainingPlan:
    """Return the published hyperparameters of a hard-label training.

    Source: Minimax diffusion (arXiv 2311.15529), released code.
    """
    rate, decay, batch = (0.1, 1e-4, 128) if num_classes > 100 else (0.01, 5e-4, 64)
    return TrainingPlan(
        epochs=epochs_for(ipc, num_classes),
        batch_size=batch,
        learning_rate=rate,
        weight_decay=decay,
        momentum=0.9,
        cutmix=True,
        flip_probability=0.5,
        crop_min_scale=0.5,
        jitter_strength=0.4,
        lighting_std=0.1,
    )


def sgd(network: nn.Module, plan: TrainingPlan) -> torch.optim.Optimizer:
    """Return SGD with momentum; weight decay applies to all parameters, also norms and biases.

    Source: Minimax diffusion (arXiv 2311.15529), released code.
    """
    return torch.optim.SGD(
        network.parameters(),
        lr=plan.learning_rate,
        momentum=plan.momentum,
        weight_decay=plan.weight_decay,
    )


def stepped_rate(epoch: int, plan: TrainingPlan) -> float:
    """Return the learning rate of an epoch, counted from 1; each milestone multiplies it by 0.2.

    Source: Minimax diffusion (arXiv 2311.15529), released code.
    """
    passed = sum(epoch > milestone for milestone in milestones(plan.epochs))
    return plan.learning_rate * DECAY**passed


def mixed_batches(
    data: LabelledSet, image_size: int, plan: TrainingPlan, generator: torch.Generator
) -> Iterator[TrainingBatch]:
    """Yield the batches of one epoch: every image once, in random order.

    The last batch may be smaller. The host never waits for the device, because all parameters
    are drawn in advance, on the CPU.

    Args:
        data: Training images.
        image_size: Side of the network's input, in pixels.
        plan: Batch size, and strengths of the augmentation.
        generator: Source of all randomness, on CPU.

    Source: Minimax diffusion (arXiv 2311.15529), released code; patch shuffling as in RDED
    (arXiv 2312.03526).
    """
    count, size = len(data.images), data.images.shape[-1]
    batch_size = plan.batch_size or count
    order = torch.randperm(count, generator=generator)
    drawn = draw_augmentation(
        count,
        size,
        crop_min_scale=plan.crop_min_scale,
        flip_probability=plan.flip_probability,
        jitter_strength=plan.jitter_strength,
        lighting_std=plan.lighting_std,
        generator=generator,
    )
    patches = draw_patch_orders(count, plan.factor, generator)
    operations = draw_operations(count, plan.rand_augment_ops, generator)
    for start in range(0, count, batch_size):
        rows = slice(start, min(start + batch_size, count))
        chosen = order[rows]
        images = data.images_of(chosen)
        changed = rand_augment(images, operations.rows(rows), plan.rand_augment_magnitude)
        shuffled = shuffle_patches(changed.float() / 255, patches[rows])
        inputs = augment(shuffled, drawn.rows(rows, data.device), size=image_size)
        targets = data.targets_of(chosen)
        if plan.cutmix:
            cut = draw_cut(len(chosen), image_size, generator)
            inputs, targets = cut_mix(inputs, targets, cut)
        yield TrainingBatch.of(data, inputs, targets, rows)


def cross_entropy(logits: torch.Tensor, targets: torch.Tensor, plan: TrainingPlan) -> torch.Tensor:
    """Return the cross-entropy of logits (B, n) and class probabilities (B, n) per sample, (B,).

    Source: Minimax diffusion (arXiv 2311.15529), released code.
    """
    return F.cross_entropy(logits, targets, reduction="none")


HARD_LABEL = Recipe(published_numbers, sgd, stepped_rate, mixed_batches, cross_entropy)
