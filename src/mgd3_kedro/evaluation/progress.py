"""Progress of a training, now and then."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field

from mgd3_kedro.durations import in_words

logger = logging.getLogger(__name__)

SECONDS_BETWEEN = 10.0


@dataclass
class ProgressLog:
    """Logs how far a training is and how long it will take, every ten seconds.

    Args:
        name: Of the training.
        seconds_between: Least time between two lines.
    """

    name: str
    seconds_between: float = SECONDS_BETWEEN
    _last: float = field(default_factory=time.monotonic)

    def __call__(self, epoch: int, epochs: int, row: dict[str, float], left: float) -> None:
        """Hear of a validation."""
        now = time.monotonic()
        if now - self._last < self.seconds_between:
            return
        self._last = now
        logger.info(
            "%s: epoch %d of %d, loss %.3f, top-1 %.1f %%, %s left",
            *(self.name, epoch, epochs, row["train_loss"], row["top1"], in_words(left)),
        )
