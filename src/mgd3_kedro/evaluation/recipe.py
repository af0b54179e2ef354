"""The parts of an evaluation protocol, and the hyperparameters of a training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import nn

from mgd3_kedro.evaluation.data import LabelledSet, TrainingBatch
from mgd3_kedro.stages import off_at


@dataclass(frozen=True)
class TrainingPlan:
    """The hyperparameters of one training.

    Args:
        epochs: Number of epochs; each shows every image once.
        batch_size: Images per update; None if the protocol has no published size.
        learning_rate: Highest learning rate of the schedule.
        weight_decay: Weight decay per update.
        momentum: Momentum of SGD, or decay of AdamW's first moment.
        cutmix: Whether CutMix is applied to every batch.
        flip_probability: Probability of a horizontal flip, in [0, 1].
        crop_min_scale: Smallest share of the area that a random crop keeps, in (0, 1].
        jitter_strength: Range of brightness, contrast and saturation around 1, in [0, 1].
        lighting_std: Standard deviation of the shift along each principal colour.
        factor: Patches per side that are shuffled before the crop; 1 for no shuffling.
        temperature: Divisor of soft labels and logits.
        ema_decay: Decay of the moving average of the weights, which is tested; 0 for no average.
        rand_augment_ops: Number of RandAugment operations per image; 0 for none.
        rand_augment_magnitude: Strength of these operations, 0 to 30.
    """

    epochs: int
    batch_size: int | None
    learning_rate: float
    weight_decay: float
    momentum: float
    cutmix: bool
    flip_probability: float
    crop_min_scale: float
    jitter_strength: float
    lighting_std: float
    factor: int = 1
    temperature: float = 1.0
    ema_decay: float = 0.0
    rand_augment_ops: int = off_at(0, default=0)
    rand_augment_magnitude: int = off_at(0, default=0)


@dataclass(frozen=True)
class Recipe:
    """An evaluation protocol.

    Args:
        defaults: (ipc, num_classes, network) -> the published hyperparameters.
        optimizer: (network, plan) -> optimiser.
        learning_rate: (epoch counted from 1, plan) -> learning rate of that epoch.
        batches: (images, side of the network's input, plan, generator) -> batches of one epoch.
        loss: (logits (B, n), targets (B, n), plan) -> loss per sample, (B,).
        labels: Source of the targets: "given", "teacher" or "stored".
        fitted: Whether training images are first resized to the network's input, like test
            images; otherwise random crops are cut from them at their own size.
        resized_side: Side of the network's input -> side that test images are resized to before
            the centre crop, in pixels.
        tested_once: Whether the network is tested only after the last epoch.
        unused: Names of hyperparameters that the protocol ignores.
        reported: (epoch counted from 1, plan) -> whether the authors test after that epoch; they
            report the best of these tests. The network is validated after such an epoch. None:
            the best of all validations is reported.
    """

    defaults: Callable[[int, int, str], TrainingPlan]
    optimizer: Callable[[nn.Module, TrainingPlan], torch.optim.Optimizer]
    learning_rate: Callable[[int, TrainingPlan], float]
    batches: Callable[[LabelledSet, int, TrainingPlan, torch.Generator], Iterator[TrainingBatch]]
    loss: Callable[[torch.Tensor, torch.Tensor, TrainingPlan], torch.Tensor]
    labels: str = "given"
    fitted: bool = True
    resized_side: Callable[[int], int] = int
    tested_once: bool = False
    unused: tuple[str, ...] = ()
    reported: Callable[[int, TrainingPlan], bool] | None = None
