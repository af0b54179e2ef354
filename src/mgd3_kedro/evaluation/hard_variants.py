"""The hard-label protocol with other optimisers, with stronger augmentation, or with none."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn

from mgd3_kedro.evaluation.hard_label import HARD_LABEL, published_numbers
from mgd3_kedro.evaluation.recipe import TrainingPlan


def numbers_of_adamw(ipc: int, num_classes: int, network: str) -> TrainingPlan:
    """Return the numbers of a hard-label training with AdamW; its rates are those of any set.

    Source: DMGD (arXiv 2605.03877), released code.
    """
    plan = published_numbers(ipc, num_classes, network)
    return replace(plan, learning_rate=1e-3, weight_decay=0.01)


def numbers_of_strong(ipc: int, num_classes: int, network: str) -> TrainingPlan:
    """Return the numbers of a hard-label training with ten times the rate, and RandAugment.

    Source: IMS3 (arXiv 2603.13960), released code; where its RandAugment stands among the other
    steps is not known, here it comes before them.
    """
    plan = published_numbers(ipc, num_classes, network)
    return replace(plan, learning_rate=0.1, rand_augment_ops=1, rand_augment_magnitude=6)


def numbers_of_plain(ipc: int, num_classes: int, network: str) -> TrainingPlan:
    """Return the numbers of a hard-label training on images as they are.

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
    """Return AdamW; the decay falls on every parameter, norms and biases too.

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
