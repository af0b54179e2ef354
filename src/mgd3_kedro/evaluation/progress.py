"""Progress of a training, now and then."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from mgd3_kedro.durations import NowAndThen, in_words

logger = logging.getLogger(__name__)


@dataclass
class ProgressLog:
    """Logs how far a training is and how long it will take.

    Args:
        name: Of the training.
        clock: When to.
    """

    name: str
    clock: NowAndThen = field(default_factory=NowAndThen)

    def __call__(self, epoch: int, epochs: int, row: dict[str, float], left: float) -> None:
        """Hear of a validation."""
        if self.clock.is_due():
            logger.info(
                "%s: epoch %d of %d, loss %.3f, top-1 %.1f %%, %s left",
                *(self.name, epoch, epochs, row["train_loss"], row["top1"], in_words(left)),
            )
