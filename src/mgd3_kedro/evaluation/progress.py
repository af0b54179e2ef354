"""Progress of a training, now and then."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from mgd3_kedro.durations import NowAndThen, in_words
from mgd3_kedro.evaluation.train import Row

logger = logging.getLogger(__name__)

SECONDS_BETWEEN = 30.0
"""Least time between two lines about a training: the published ones take an hour."""


@dataclass
class ProgressLog:
    """Logs how far a training is and how long it will take.

    Args:
        name: Of the training.
        clock: When to.
    """

    name: str
    clock: NowAndThen = field(default_factory=lambda: NowAndThen(SECONDS_BETWEEN))

    def __call__(self, epoch: int, epochs: int, row: Row | None, left: float) -> None:
        """Hear of an epoch."""
        if self.clock.is_due():
            seen = row and "; at epoch {epoch} loss {train_loss:.3f}, top-1 {top1:.1f} %".format(
                **row
            )
            logger.info(
                "%s: epoch %d of %d, %s left%s",
                *(self.name, epoch, epochs, in_words(left), seen or ""),
            )
