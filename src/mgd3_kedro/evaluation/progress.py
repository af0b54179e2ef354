"""Progress of a training, now and then."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field

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
            *(self.name, epoch, epochs, row["train_loss"], row["top1"], as_time(left)),
        )


def as_time(seconds: float) -> str:
    """Return a duration for people: 45 s, 3 min, 2.5 h.

    Source: ours.
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
