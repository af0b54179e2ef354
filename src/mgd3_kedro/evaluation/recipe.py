"""What a protocol is made of, and the numbers it gives a training."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from mgd3_kedro.evaluation.protocols import EvaluationConfig


@dataclass(frozen=True)
class Plan:
    """A protocol's numbers for one distilled set, with the config's overrides."""

    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    momentum: float


@dataclass(frozen=True)
class Recipe:
    """What a protocol fixes.

    Args:
        plan: (config, ipc, num_classes) -> the numbers of a training.
        optimizer: (parameters, plan) -> optimiser.
        learning_rate: (epoch counted from 1, plan) -> rate during that epoch.
        batches: (images, labels, config, plan, num_classes, generator) -> one epoch of inputs
            (B, 3, S, S) and targets (B, n).
        loss: (logits, targets) -> mean loss over the batch.
    """

    plan: Callable[[EvaluationConfig, int, int], Plan]
    optimizer: Callable[[Iterable[torch.nn.Parameter], Plan], torch.optim.Optimizer]
    learning_rate: Callable[[int, Plan], float]
    batches: Callable[
        [torch.Tensor, torch.Tensor, EvaluationConfig, Plan, int, torch.Generator],
        Iterator[tuple[torch.Tensor, torch.Tensor]],
    ]
    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
