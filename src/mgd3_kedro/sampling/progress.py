"""Progress of a batch that is being denoised, now and then."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field

from mgd3_kedro.durations import NowAndThen, in_words

logger = logging.getLogger(__name__)


@dataclass
class StepLog:
    """Logs how far a batch is and how long it will take.

    Args:
        samples: Of the batch.
        steps: That it takes.
        clock: When to.
    """

    samples: int
    steps: int
    clock: NowAndThen = field(default_factory=NowAndThen)

    def __call__(self, done: int) -> None:
        """Hear of the steps that are done."""
        if self.clock.is_due():
            left = (time.monotonic() - self.clock.begun) / done * (self.steps - done)
            progress = (self.samples, done, self.steps, in_words(left))
            logger.info("%d samples: step %d of %d, %s left", *progress)
