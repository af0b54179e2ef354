"""Progress of a batch that is being denoised, now and then."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from mgd3_kedro.durations import NowAndThen
from mgd3_kedro.progress import Progress, report


@dataclass
class StepLog:
    """Says how far a batch is and how long it will take.

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
            report(Progress(f"batch of {self.samples}", done, self.steps, "step", left))
