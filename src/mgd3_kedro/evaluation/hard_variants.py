"""Variants of the hard-label protocol: AdamW, stronger augmentation, or no augmentation."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn

from mgd3_kedro.evaluation.hard_label import HARD_LABEL, published_numbers
from mgd3_kedro.evaluation.recipe import TrainingPlan


def numbers_of_adamw(ipc: int, num_classes: int, network: str) -> TrainingPlan:
    """Return the hyperparameters of a hard-label training with AdamW.

    Learning rate and weight decay are the same for all benchmarks.

    Source: DMGD (arXiv 2605.03877), released code.
    """
    plan = published_numbers(ipc, num_classes, network)
    return replace(plan, learning_rate=1e-3, weight_decay=0.01)


def numbers_of_strong(ipc: int, num_classes: int, network: str) -> TrainingPlan:
    """Return the hyperparameters of a hard-label training with RandAugment and the rate 0.1.

    Source: IMS3 (arXiv 2603.13960), released code. Its order of RandAugment and the other steps
    is not known; here RandAugment comes first.
    """
    plan = published_numbers(ipc, num_classes, network)
    return replace(plan, learning_rate=0.1, rand_augment_ops=1, rand_augment_magnitude=6)


def numbers_of_plain(ipc: int, num_classes: int, network: str) -> TrainingPlan:
    """Return the hyperparameters of a hard-label training without augmentation.

    Source: DD-Ranking (arXiv 2505.13300), which trains without augmentation for its
    augmentation-robust score.
    """
    return replace(
        published_numbers(ipc, num_classes, network),
        cutmix=False,
        flip_probability=0.0,
        crop_min_scale=1.0,
        jitter_strength=0.0,
        lighting_std=0.0,
    )


def adamw(network: nn.Module, plan: TrainingPlan) -> torch.optim.Optimizer:
    """Return AdamW; weight decay applies to all parameters, also norms and biases.

    Source: DMGD (arXiv 2605.03877), released code.
    """
    return torch.optim.AdamW(
        network.parameters(),
        lr=plan.learning_rate,
        betas=(plan.momentum, 0.999),
        weight_decay=plan.weight_decay,
    )


HARD_ADAMW = replace(HARD_LABEL, defaults=numbers_of_adamw, optimizer=adamw)
HARD_PLAIN = replace(HARD_LABEL, defaults=numbers_of_plain)
HARD_STRONG = replace(HARD_LABEL, defaults=numbers_of_strong)
