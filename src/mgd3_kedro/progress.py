"""How far something is: said by what computes, shown by whoever listens."""

from __future__ import annotations

import logging
from typing import NamedTuple

from mgd3_kedro.durations import in_words

logger = logging.getLogger(__name__)


class Progress(NamedTuple):
    """How far a piece of work is.

    Args:
        phase: What the work is called, e.g. "latents" or "convnet3-0".
        done: Units that are done.
        total: Units there are.
        unit: What is counted, in words; empty where the phase says it.
        left: Seconds that the rest will take; None if nobody has measured that.
        seen: What was measured meanwhile, in words.
    """

    phase: str
    done: int
    total: int
    unit: str = ""
    left: float | None = None
    seen: str = ""

    def __str__(self) -> str:
        """Return it in one line."""
        far = " ".join(word for word in (self.unit, f"{self.done} of {self.total}") if word)
        left = [f"{in_words(self.left)} left"] if self.left is not None else []
        return f"{self.phase}: {', '.join([far, *left])}{self.seen and f'; {self.seen}'}"


def report(progress: Progress) -> None:
    """Say how far a piece of work is; who listens to this module's logger may show it as a bar."""
    logger.info("%s", progress, extra={"progress": progress})
