"""Log messages about the progress of a batch that is being denoised."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field

from mgd3_kedro.durations import NowAndThen, in_words

logger = logging.getLogger(__name__)


@dataclass
class StepLog:
    """Log of how far a batch is and how long it will take.

    Args:
        samples: Number of samples in the batch.
        steps: Number of steps in total.
        clock: Decides when the next message is due.
    """

    samples: int
    steps: int
    clock: NowAndThen = field(default_factory=NowAndThen)

    def __call__(self, done: int) -> None:
        """Log the progress after `done` steps, if a message is due."""
        if self.clock.is_due():
            left = (time.monotonic() - self.clock.begun) / done * (self.steps - done)
            progress = (self.samples, done, self.steps, in_words(left))
            logger.info("%d samples: step %d of %d, %s left", *progress)
