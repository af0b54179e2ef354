"""What a protocol is made of, and the numbers it gives a training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import nn

from mgd3_kedro.evaluation.data import LabelledSet, TrainingBatch
from mgd3_kedro.stages import off_at


@dataclass(frozen=True)
class TrainingPlan:
    """The numbers of one training.

    Args:
        epochs: Length; each shows every image once.
        batch_size: Images of an update.
        learning_rate: The highest of the schedule.
        weight_decay: Of the weights, per update.
        momentum: Of SGD; decay of the first moment with AdamW.
        cutmix: Whether every batch is mixed.
        flip_probability: Of mirroring, in [0, 1].
        crop_min_scale: Smallest share of the area that a random crop keeps, in (0, 1].
        jitter_strength: Range of brightness, contrast and saturation around 1, in [0, 1].
        lighting_std: Standard deviation of the shift along each principal colour.
        factor: Patches per side that are shuffled before the crop; 1 for none.
        temperature: That soft labels and logits are divided by.
        ema_decay: Decay of the average of the weights, which is what is tested; 0 for none.
        rand_augment_ops: Operations of RandAugment on every image; 0 for none.
        rand_augment_magnitude: Their strength, 0 to 30.
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
    """What a protocol fixes.

    Args:
        defaults: (ipc, num_classes, network) -> the published numbers.
        optimizer: (network, plan) -> optimiser.
        learning_rate: (epoch counted from 1, plan) -> rate during that epoch.
        batches: (images, side of what the network sees, plan, generator) -> one epoch.
        loss: (logits, targets, plan) -> loss of each, (B,); targets are what `labels` says.
        labels: Where targets come from: "given", "teacher" or "stored".
        fitted: Whether training images are brought to the size of the network first, as test
            images are; otherwise crops are cut from them as they are.
        resized_side: Side of the centre that networks see -> side that test images are resized to.
        tested_once: Whether the network is tested after the last epoch alone.
        unused: Numbers of a plan that change nothing.
        reported: (epoch counted from 1, plan) -> whether the authors report the best of this and
            other epochs; it is validated after such an epoch. None: of all validations.
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
