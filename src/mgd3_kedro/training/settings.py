"""Settings that all trainings of a prior have in common."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mgd3_kedro.checks import check_choice, check_count, check_flag, check_range
from mgd3_kedro.devices import PRECISIONS, TRAINED_IN, Precision

WARMUP_DIVISOR = 10
"""Warm-up is at most one part in so many of a training, so that a short one learns at full rate."""


@dataclass(frozen=True)
class LoopConfig:
    """Length, batch size, augmentation and optimiser settings of a training.

    Args:
        steps: Number of updates.
        batch_size: Samples per update.
        flip_probability: Probability of mirroring a sample, in [0, 1]; 0 if left and right differ,
            as in digits.
        learning_rate: Peak of the learning rate schedule.
        warmup_steps: Updates of linear warm-up, at most a tenth of all; half a cosine down to zero
            follows.
        weight_decay: AdamW's decoupled decay.
        ema_decay: Decay of the weight average (EMA); the average is the result of the training.
        precision: One of `TRAINED_IN`; weights, their average and the optimiser stay in float32.
        compile: Whether the network is compiled: slow to start, then faster.
        seed: Seed of initial weights, order and noise.

    Raises:
        ValueError: If a value is not valid; the message names the field.
    """

    steps: int
    batch_size: int
    flip_probability: float
    learning_rate: float
    warmup_steps: int
    weight_decay: float
    ema_decay: float
    precision: str
    compile: bool
    seed: int

    def __post_init__(self) -> None:
        check_count("steps", self.steps)
        check_count("batch_size", self.batch_size)
        check_range("flip_probability", self.flip_probability, 0, 1)
        check_range("learning_rate", self.learning_rate, 0, low_open=True)
        check_count("warmup_steps", self.warmup_steps, 0)
        check_range("weight_decay", self.weight_decay, 0)
        check_range("ema_decay", self.ema_decay, 0, 1)
        check_choice("precision", self.precision, TRAINED_IN)
        check_flag("compile", self.compile)
        check_count("seed", self.seed, 0)

    @property
    def number_format(self) -> Precision:
        """Number format of the activations, and whether TF32 is allowed."""
        return PRECISIONS[self.precision]

    def learning_rate_at(self, step: int) -> float:
        """Return the rate of an update: linear warm-up, then half a cosine down to zero.

        Source: SGDR (arXiv 1608.03983), without restarts.
        """
        warmup = min(self.warmup_steps, self.steps // WARMUP_DIVISOR)
        if step < warmup:
            return self.learning_rate * (step + 1) / warmup
        progress = (step - warmup) / max(1, self.steps - warmup)
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * progress))
