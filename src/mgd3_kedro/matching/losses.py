"""The losses of an optimisation; they are read rarely, because reading waits for the device."""

from __future__ import annotations

import logging
import math
import time

import torch

from mgd3_kedro.durations import in_words

logger = logging.getLogger(__name__)

REPORTS = 20
"""Progress messages per optimisation."""


class LossCurve:
    """Collected losses, with progress messages; an optimisation that diverges is stopped.

    Args:
        what: Name of the optimisation in messages.
        steps: Number of updates.
    """

    def __init__(self, what: str, steps: int) -> None:
        self._what = what
        self._steps = steps
        self._every = math.ceil(steps / REPORTS)
        self._pending: list[torch.Tensor] = []
        self._read: list[float] = []
        self._begun = time.monotonic()

    def add(self, loss: torch.Tensor) -> None:
        """Add the loss of one update, a scalar.

        Raises:
            FloatingPointError: If a loss since the last report is not finite.
        """
        self._pending.append(loss.detach())
        done = len(self._read) + len(self._pending)
        if done % self._every and done != self._steps:
            return
        values = torch.stack(self._pending).float().cpu().tolist()
        self._pending.clear()
        self._read += values
        if not all(map(math.isfinite, values)):
            raise FloatingPointError(
                f"{self._what}: expected finite losses, got NaN or infinity by step {done} of "
                f"{self._steps}; lower methods.NAME.learning_rate"
            )
        left = (time.monotonic() - self._begun) / done * (self._steps - done)
        mean = sum(values) / len(values)
        logger.info(
            "%s: step %d of %d, loss %.4g, %s left",
            *(self._what, done, self._steps, mean, in_words(left)),
        )

    def values(self) -> torch.Tensor:
        """Return all losses, (T,), float32."""
        return torch.tensor(self._read)
