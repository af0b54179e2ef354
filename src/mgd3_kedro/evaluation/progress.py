"""Log lines about the progress of a training."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from mgd3_kedro.durations import NowAndThen, in_words
from mgd3_kedro.evaluation.train import Row

logger = logging.getLogger(__name__)

SECONDS_BETWEEN = 30.0
"""Shortest time between two lines about a training; a training of published length takes an
hour."""


@dataclass
class ProgressLog:
    """Logger of a training's progress and remaining time.

    Args:
        name: Name of the training.
        clock: Decides when a line is due.
    """

    name: str
    clock: NowAndThen = field(default_factory=lambda: NowAndThen(SECONDS_BETWEEN))

    def __call__(self, epoch: int, epochs: int, row: Row | None, left: float) -> None:
        """Log the state after an epoch, if a line is due.

        Args:
            epoch: Counted from 1.
            epochs: Number of epochs of the training.
            row: The last validation; None before the first.
            left: Estimated time left, in seconds.
        """
        if self.clock.is_due():
            seen = row and "; at epoch {epoch} loss {train_loss:.3f}, top-1 {top1:.1f} %".format(
                **row
            )
            logger.info(
                "%s: epoch %d of %d, %s left%s",
                *(self.name, epoch, epochs, in_words(left), seen or ""),
            )
