"""Progress of a batch that is being denoised, now and then."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field

from mgd3_kedro.durations import in_words

logger = logging.getLogger(__name__)

SECONDS_BETWEEN = 10.0


@dataclass
class StepLog:
    """Logs how far a batch is and how long it will take, every ten seconds.

    Args:
        samples: Of the batch.
        steps: That it takes.
        seconds_between: Least time between two lines.
    """

    samples: int
    steps: int
    seconds_between: float = SECONDS_BETWEEN
    _begun: float = field(default_factory=time.monotonic)
    _last: float = field(default_factory=time.monotonic)

    def __call__(self, done: int) -> None:
        """Hear of the steps that are done."""
        now = time.monotonic()
        if now - self._last < self.seconds_between:
            return
        self._last = now
        left = (now - self._begun) / done * (self.steps - done)
        logger.info(
            "%d samples: step %d of %d, %s left",
            *(self.samples, done, self.steps, in_words(left)),
        )
