"""What changes in the course of a training."""

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
    """A training under way.

    Args:
        model: The network.
        average: What is tested: the average of its weights, or the network itself.
        optimizer: Of the network.
        curve: Rows of the validations so far.
        losses: Of the updates since the last row, on the device.
        epoch: Epochs that are over.
        step: Updates done.
        seconds: Time spent.
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
        """Begin with an untrained network."""
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
        """Learn from one batch; the host does not wait for its loss.

        Args:
            passes: Through the network.
            recipe: Has the loss.
            plan: The numbers.
            batch: What the network sees, and what each input counts for.
            targets: (B, n), what it is to say.
        """
        self.optimizer.zero_grad(set_to_none=True)

        def loss_of(logits: torch.Tensor, rows: slice) -> torch.Tensor:
            losses = recipe.loss(logits, targets[rows], plan)
            return (losses if batch.weights is None else losses * batch.weights[rows]).mean()

        loss = passes.backward(batch.inputs, loss_of)
        self.optimizer.step()
        self.step += 1
        if plan.ema_decay:
            # The average of a young training must not be dominated by its initial weights.
            decay = min(plan.ema_decay, (1 + self.step) / (10 + self.step))
            move_average(self.average, self.model, decay)
        self.losses.append(loss)

    def to_dict(self) -> dict[str, Any]:
        """Return everything a checkpoint keeps."""
        return {
            **{name: getattr(self, name).state_dict() for name in MODULES},
            **{name: getattr(self, name) for name in FACTS},
            "losses": torch.stack(self.losses).cpu() if self.losses else torch.zeros(0),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what a checkpoint kept."""
        for name in MODULES:
            getattr(self, name).load_state_dict(state[name])
        for name in FACTS:
            setattr(self, name, state[name])
        device = next(self.model.parameters()).device
        self.losses = [*state["losses"].to(device)]
