"""Progress of a training, now and then."""

from __future__ import annotations

from dataclasses import dataclass, field

from mgd3_kedro.durations import NowAndThen
from mgd3_kedro.evaluation.train import Row
from mgd3_kedro.progress import Progress, report


@dataclass
class ProgressLog:
    """Says how far a training is and how long it will take.

    Args:
        name: Of the training.
        clock: When to.
    """

    name: str
    clock: NowAndThen = field(default_factory=NowAndThen)

    def __call__(self, epoch: int, epochs: int, row: Row | None, left: float) -> None:
        """Hear of an epoch."""
        if self.clock.is_due():
            seen = row and "loss {train_loss:.3f}, top-1 {top1:.1f} %".format(**row)
            report(Progress(self.name, epoch, epochs, "epoch", left, seen or ""))
