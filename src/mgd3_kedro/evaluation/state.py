"""The state of a training, which checkpoints save."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from mgd3_kedro.evaluation.data import TrainingBatch
from mgd3_kedro.evaluation.passes import Passes
from mgd3_kedro.evaluation.recipe import Recipe, TrainingPlan
from mgd3_kedro.network_ops import move_average

MODULES = ("model", "average", "optimizer")
FACTS = ("curve", "epoch", "step", "seconds")


@dataclass
class State:
    """The state of a training.

    Args:
        model: The network.
        average: The network that is tested: a copy with averaged weights, or `model` itself.
        optimizer: Optimiser of the network.
        curve: One row per validation so far.
        losses: Losses of the updates since the last row, on the device.
        epoch: Number of finished epochs.
        step: Number of updates.
        seconds: Wall-clock time so far.
    """

    model: nn.Module
    average: nn.Module
    optimizer: torch.optim.Optimizer
    curve: list[dict[str, float]] = field(default_factory=list)
    losses: list[torch.Tensor] = field(default_factory=list)
    epoch: int = 0
    step: int = 0
    seconds: float = 0.0

    @classmethod
    def new(cls, model: nn.Module, recipe: Recipe, plan: TrainingPlan) -> State:
        """Return the state before the first epoch."""
        average = copy.deepcopy(model).requires_grad_(False) if plan.ema_decay else model
        return cls(model, average, recipe.optimizer(model, plan))

    def update(
        self,
        passes: Passes,
        recipe: Recipe,
        plan: TrainingPlan,
        batch: TrainingBatch,
        targets: torch.Tensor,
    ) -> None:
        """Do one optimiser step; the host does not wait for the loss.

        Args:
            passes: Passes of the network.
            recipe: The protocol, which has the loss.
            plan: Hyperparameters.
            batch: Inputs and their weights in the loss.
            targets: (B, n), targets of the loss.
        """
        self.optimizer.zero_grad(set_to_none=True)

        def loss_of(logits: torch.Tensor, rows: slice) -> torch.Tensor:
            losses = recipe.loss(logits, targets[rows], plan)
            return (losses if batch.weights is None else losses * batch.weights[rows]).mean()

        loss = passes.backward(batch.inputs, loss_of)
        self.optimizer.step()
        self.step += 1
        if plan.ema_decay:
            # A smaller decay at first: the initial weights must not dominate the average.
            decay = min(plan.ema_decay, (1 + self.step) / (10 + self.step))
            move_average(self.average, self.model, decay)
        self.losses.append(loss)

    def to_dict(self) -> dict[str, Any]:
        """Return the content of a checkpoint."""
        return {
            **{name: getattr(self, name).state_dict() for name in MODULES},
            **{name: getattr(self, name) for name in FACTS},
            "losses": torch.stack(self.losses).cpu() if self.losses else torch.zeros(0),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Load the content of a checkpoint."""
        for name in MODULES:
            getattr(self, name).load_state_dict(state[name])
        for name in FACTS:
            setattr(self, name, state[name])
        device = next(self.model.parameters()).device
        self.losses = [*state["losses"].to(device)]
