"""The soft-label protocol: AdamW, with a teacher's logits of every mixed batch as targets."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import nn

from mgd3_kedro.evaluation.hard_label import mixed_batches
from mgd3_kedro.evaluation.recipe import Recipe, TrainingPlan

EPOCHS = 300
BATCH_SIZES = {1: 10, 10: 50, 50: 100}
"""Images per class -> images per update; doubled from `MANY_CLASSES` classes on."""
MANY_CLASSES = 100
LEARNING_RATES = {"alexnet": 1e-4, "vgg11": 5e-4, "vit": 1e-4}
"""Network -> its learning rate, if it is not `LEARNING_RATE`."""
LEARNING_RATE = 1e-3
REPORTED_FROM, REPORTED_EVERY = 0.8, 10
"""The authors test every tenth epoch of the last fifth, and report the best."""
PUBLISHED_FACTOR = 2


def published_numbers(ipc: int, num_classes: int, network: str) -> TrainingPlan:
    """Return the published hyperparameters of a soft-label training.

    RDED makes mosaics of factor 2, and its crops keep at least 1/factor of the area. The images of
    diffusion models are no mosaics: no patches are shuffled here, but the smallest crop is the
    same.

    Source: RDED (arXiv 2312.03526), released code; the factor of 1 is ours.
    """
    batch = BATCH_SIZES.get(ipc)
    doubled = 2 if num_classes >= MANY_CLASSES else 1
    return TrainingPlan(
        epochs=EPOCHS,
        batch_size=batch and batch * doubled,
        learning_rate=LEARNING_RATES.get(network, LEARNING_RATE),
        weight_decay=0.01,
        momentum=0.9,
        cutmix=True,
        flip_probability=0.5,
        crop_min_scale=1 / PUBLISHED_FACTOR,
        jitter_strength=0.0,
        lighting_std=0.0,
        temperature=20.0,
    )


def adamw(network: nn.Module, plan: TrainingPlan) -> torch.optim.Optimizer:
    """Return AdamW; biases and norms, which have one dimension, have no weight decay.

    Source: RDED (arXiv 2312.03526), released code.
    """
    weights = [p for p in network.parameters() if p.ndim > 1]
    others = [p for p in network.parameters() if p.ndim <= 1]
    groups = [
        {"params": weights, "weight_decay": plan.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=plan.learning_rate, betas=(plan.momentum, 0.999))


def half_cosine_rate(epoch: int, plan: TrainingPlan) -> float:
    """Return the learning rate of an epoch, counted from 1: a cosine from the full rate to half.

    Source: RDED (arXiv 2312.03526), released code.
    """
    done = (epoch - 1) / plan.epochs
    return plan.learning_rate * 0.5 * (1 + math.cos(math.pi * done / 2))


def resized_side(size: int) -> int:
    """Return the side of test images before the centre crop, in pixels: 256 for a crop of 224.

    Source: RDED (arXiv 2312.03526), released code.
    """
    return size // 7 * 8


def reported(epoch: int, plan: TrainingPlan) -> bool:
    """Return whether the authors test after an epoch, counted from 1.

    Source: RDED (arXiv 2312.03526), released code.
    """
    late = epoch - 1 > REPORTED_FROM * plan.epochs
    return epoch == plan.epochs or (late and epoch % REPORTED_EVERY == 0)


def distillation_loss(
    logits: torch.Tensor, targets: torch.Tensor, plan: TrainingPlan
) -> torch.Tensor:
    """Return the Kullback-Leibler divergence between teacher and network per sample, (B,).

    KL(softmax(targets / T) || softmax(logits / T)), not multiplied by T^2.

    Args:
        logits: Logits of the network, (B, n).
        targets: Logits of the teacher, (B, n).
        plan: Has the temperature, T.

    Source: RDED (arXiv 2312.03526), released code.
    """
    student = F.log_softmax(logits / plan.temperature, dim=1)
    teacher = F.log_softmax(targets / plan.temperature, dim=1)
    return F.kl_div(student, teacher, reduction="none", log_target=True).sum(1)


SOFT_LABEL = Recipe(
    published_numbers,
    adamw,
    half_cosine_rate,
    mixed_batches,
    distillation_loss,
    labels="teacher",
    fitted=False,
    resized_side=resized_side,
    reported=reported,
)
STORED_SOFT_LABEL = replace(SOFT_LABEL, labels="stored")
