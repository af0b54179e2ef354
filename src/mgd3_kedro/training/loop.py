"""One optimisation loop for every model of a prior: AdamW, decay, EMA, exact resumption."""

from __future__ import annotations

import copy
import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from mgd3_kedro.checkpoint import Checkpoint
from mgd3_kedro.network_ops import compile_parts, move_average
from mgd3_kedro.training.acceleration import (
    build_optimizer,
    choose_attention,
    fast_kernels,
)
from mgd3_kedro.training.batches import CPU, PriorBatch, batch_at
from mgd3_kedro.training.settings import LoopConfig

logger = logging.getLogger(__name__)

REPORTS = 100
"""Rows of the loss curve of one training."""


@dataclass
class Trained:
    """A training, finished or under way.

    Args:
        model: The averaged (EMA) weights.
        curve: One row per report: step, loss (mean since the last row), learning_rate.
        seconds: Time spent in updates, in all calls together.
        seconds_before: The part of `seconds` that was spent before this call.
    """

    model: torch.nn.Module
    curve: list[dict[str, float]] = field(default_factory=list)
    seconds: float = 0.0
    seconds_before: float = 0.0

    @property
    def step(self) -> int:
        """Updates done at the last report."""
        return int(self.curve[-1]["step"]) if self.curve else 0


def train(
    model: torch.nn.Module,
    loss_of: Callable[[torch.nn.Module, PriorBatch], torch.Tensor],
    samples: int,
    config: LoopConfig,
    *,
    checkpoint: Path,
    identity: str,
    device: torch.device,
    draw_on: torch.device = CPU,
    seconds_between: float = 0.0,
    rate_setting: str = "learning_rate",
) -> Trained:
    """Train a model, and continue from its checkpoint if there is one.

    The loop waits for the device only at reports, which are a hundredth of the training apart.

    Args:
        model: The model with its initial weights, in the mode (train or eval) of the training.
        loss_of: (model, batch) -> scalar loss.
        samples: Size of the training set.
        config: Length, batch size and optimiser settings.
        checkpoint: File written at reports; a checkpoint of another `identity` is ignored.
        identity: What the checkpoint must agree on: code, configuration, data.
        device: Where to train.
        draw_on: Device of the rows and the random numbers of a batch. With the training device
            nothing has to be copied, but devices other than the CPU draw other numbers.
        seconds_between: Least time between two checkpoints; one is always written at the end.
        rate_setting: Name of the learning rate in the message about a loss that is not finite.

    Returns:
        The averaged model in eval mode, its loss curve and the time it took.

    Raises:
        FloatingPointError: If the loss is not finite.
    """
    model = model.to(device)
    trained = Trained(copy.deepcopy(model).requires_grad_(False))
    optimizer = build_optimizer(model, config, device)
    kept = Checkpoint(checkpoint, identity, seconds_between)
    if found := kept.load():
        _restore(found, model, optimizer, trained)
        logger.info("continuing from step %d of %s", trained.step, checkpoint)
    choose_attention(model, config, device)
    if config.compile:
        compile_parts(model)
    amp = config.number_format.dtype
    report_every = math.ceil(config.steps / REPORTS)
    running = torch.zeros((), device=device)
    begun = time.monotonic() - trained.seconds
    with fast_kernels(config.number_format):
        for step in range(trained.step, config.steps):
            rate = config.learning_rate_at(step)
            optimizer.param_groups[0]["lr"] = rate
            with torch.autocast(device.type, amp, enabled=amp is not torch.float32):
                loss = loss_of(model, batch_at(step, samples, config, draw_on))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            # Early in training, the initial weights must not dominate the average.
            move_average(trained.model, model, min(config.ema_decay, (1 + step) / (10 + step)))
            running += loss.detach()
            done = step + 1
            if done % report_every and done != config.steps:
                continue
            mean = float(running) / (done - trained.step)
            if not math.isfinite(mean):
                raise FloatingPointError(
                    f"expected a finite loss, got {mean} by step {done} of {config.steps}; "
                    f"lower {rate_setting} ({config.learning_rate}) or train in fp32"
                )
            running.zero_()
            trained.curve.append({"step": done, "loss": mean, "learning_rate": rate})
            trained.seconds = time.monotonic() - begun
            left = trained.seconds / done * (config.steps - done)
            logger.info("step %d of %d, loss %.4f, %.0f s left", done, config.steps, mean, left)
            if kept.due or done == config.steps:
                kept.save(_state_of(model, optimizer, trained))
    trained.model.eval()
    return trained


def _state_of(
    model: torch.nn.Module, optimizer: torch.optim.Optimizer, trained: Trained
) -> dict[str, Any]:
    return {
        "model": model.state_dict(),
        "average": trained.model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "curve": trained.curve,
        "seconds": trained.seconds,
    }


def _restore(
    state: dict[str, Any],
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    trained: Trained,
) -> None:
    model.load_state_dict(state["model"])
    trained.model.load_state_dict(state["average"])
    optimizer.load_state_dict(state["optimizer"])
    trained.curve[:] = state["curve"]
    trained.seconds = trained.seconds_before = state["seconds"]
