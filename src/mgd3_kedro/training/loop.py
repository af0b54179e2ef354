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

from mgd3_kedro.checks import check_count, check_range, lookup
from mgd3_kedro.randomness import seeded_generator

logger = logging.getLogger(__name__)

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}
ORDER, NOISE = 0, 1
"""Streams of random numbers."""
REPORTS = 100
"""Rows of the loss curve, and checkpoints, of one training."""


@dataclass(frozen=True)
class LoopConfig:
    """Length, batch size and optimiser settings of a training.

    Args:
        steps: Number of updates.
        batch_size: Samples an update sees.
        learning_rate: Peak of the schedule.
        warmup_steps: Updates of linear warm-up; half a cosine down to zero follows.
        weight_decay: AdamW's decoupled decay.
        ema_decay: Decay of the weight average, which is what is kept.
        precision: A name of `PRECISIONS`.
        seed: Seed of initial weights, order and noise.

    Raises:
        ValueError: Naming the field that no training can run with.
    """

    steps: int
    batch_size: int
    learning_rate: float
    warmup_steps: int
    weight_decay: float
    ema_decay: float
    precision: str
    seed: int

    def __post_init__(self) -> None:
        check_count("steps", self.steps)
        check_count("batch_size", self.batch_size)
        check_range("learning_rate", self.learning_rate, 0, low_open=True)
        check_count("warmup_steps", self.warmup_steps, 0, self.steps)
        check_range("weight_decay", self.weight_decay, 0)
        check_range("ema_decay", self.ema_decay, 0, 1)
        check_count("seed", self.seed, 0)
        lookup(PRECISIONS, self.precision, "precision")

    def learning_rate_at(self, step: int) -> float:
        """Return the rate of an update: linear warm-up, then half a cosine down to zero.

        Source: SGDR (arXiv 1608.03983), without restarts.
        """
        if step < self.warmup_steps:
            return self.learning_rate * (step + 1) / self.warmup_steps
        progress = (step - self.warmup_steps) / max(1, self.steps - self.warmup_steps)
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * progress))


@dataclass(frozen=True)
class Batch:
    """What one update sees.

    Args:
        indices: (B,), rows of the training set.
        generator: The only source of randomness of this update.
    """

    indices: torch.Tensor
    generator: torch.Generator


@dataclass
class Trained:
    """A training, finished or under way.

    Args:
        model: The averaged (EMA) weights.
        curve: One row per report: step, loss (mean since the last row), learning_rate.
        seconds: Time spent in updates, over all interruptions.
    """

    model: torch.nn.Module
    curve: list[dict[str, float]] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def step(self) -> int:
        """Updates done at the last report."""
        return int(self.curve[-1]["step"]) if self.curve else 0


def batch_at(step: int, samples: int, config: LoopConfig) -> Batch:
    """Return the batch of an update: a function of (seed, step) alone, so resumption is exact.

    Every epoch is a fresh permutation; a last incomplete batch is left out.

    Source: ours.
    """
    size = min(config.batch_size, samples)
    epoch, position = divmod(step, samples // size)
    order = torch.randperm(samples, generator=seeded_generator(config.seed, ORDER, epoch))
    indices = order[position * size : (position + 1) * size]
    return Batch(indices, seeded_generator(config.seed, NOISE, step))


def train(
    model: torch.nn.Module,
    loss_of: Callable[[torch.nn.Module, Batch], torch.Tensor],
    samples: int,
    config: LoopConfig,
    *,
    checkpoint: Path,
    identity: str,
    device: torch.device,
) -> Trained:
    """Train a model, going on from its checkpoint if there is one.

    Args:
        model: The model with its initial weights, in the mode it is to be trained in.
        loss_of: Scalar loss of a batch.
        samples: Size of the training set.
        config: Length, batch size and optimiser settings.
        checkpoint: File written at every report; a checkpoint of another `identity` is ignored.
        identity: What the checkpoint must agree on: code, configuration, data.
        device: Where to train.

    Returns:
        The averaged model in eval mode, its loss curve and the time it took.

    Raises:
        FloatingPointError: If the loss is not finite.

    Source: ours.
    """
    model = model.to(device)
    trained = Trained(copy.deepcopy(model).requires_grad_(False))
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
    )
    _resume(checkpoint, identity, model, optimizer, trained)
    amp = PRECISIONS[config.precision]
    report_every = math.ceil(config.steps / REPORTS)
    running = torch.zeros((), device=device)
    begun = time.monotonic() - trained.seconds
    for step in range(trained.step, config.steps):
        rate = config.learning_rate_at(step)
        optimizer.param_groups[0]["lr"] = rate
        with torch.autocast(device.type, amp, enabled=amp is not torch.float32):
            loss = loss_of(model, batch_at(step, samples, config))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        # The average of a young training must not be dominated by its initial weights.
        _move_average(trained.model, model, min(config.ema_decay, (1 + step) / (10 + step)))
        running += loss.detach()
        done = step + 1
        if done % report_every and done != config.steps:
            continue
        mean = float(running) / (done - trained.step)
        if not math.isfinite(mean):
            raise FloatingPointError(
                f"expected a finite loss, got {mean} by step {done} of {config.steps}; "
                f"lower learning_rate ({config.learning_rate}) or train in fp32"
            )
        running.zero_()
        trained.curve.append({"step": done, "loss": mean, "learning_rate": rate})
        trained.seconds = time.monotonic() - begun
        left = trained.seconds / done * (config.steps - done)
        logger.info("step %d of %d, loss %.4f, %.0f s left", done, config.steps, mean, left)
        _save(checkpoint, identity, model, optimizer, trained)
    trained.model.eval()
    return trained


@torch.no_grad()
def _move_average(average: torch.nn.Module, model: torch.nn.Module, decay: float) -> None:
    torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), 1 - decay)
    for kept, current in zip(average.buffers(), model.buffers(), strict=True):
        kept.copy_(current)


def _save(
    path: Path,
    identity: str,
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    trained: Trained,
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    state: dict[str, Any] = {
        "identity": identity,
        "model": model.state_dict(),
        "average": trained.model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "curve": trained.curve,
        "seconds": trained.seconds,
    }
    torch.save(state, partial)
    partial.replace(path)


def _resume(
    path: Path,
    identity: str,
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    trained: Trained,
) -> None:
    if not path.exists():
        return
    state = torch.load(path, map_location="cpu", weights_only=True)
    if state["identity"] != identity:
        logger.warning("%s is of another code, configuration or data: training anew", path)
        return
    model.load_state_dict(state["model"])
    trained.model.load_state_dict(state["average"])
    optimizer.load_state_dict(state["optimizer"])
    trained.curve[:] = state["curve"]
    trained.seconds = state["seconds"]
    logger.info("going on from step %d of %s", trained.step, path)
