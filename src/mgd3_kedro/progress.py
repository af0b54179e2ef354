"""Progress reports, which computations log and the terminal shows."""

from __future__ import annotations

import logging
from collections.abc import Callable
from inspect import signature
from typing import NamedTuple

from mgd3_kedro.durations import in_words

logger = logging.getLogger(__name__)
_PACKAGE = __name__.partition(".")[0]


class Progress(NamedTuple):
    """Progress of a piece of work.

    Args:
        phase: Name of the work, e.g. "latents" or "convnet3-0".
        done: Number of finished units.
        total: Number of all units.
        unit: Name of a unit, e.g. "step"; empty if the phase implies it.
        left: Time left, in words; empty if unknown.
        seen: Latest measured values, in words.
    """

    phase: str
    done: int
    total: int
    unit: str = ""
    left: str = ""
    seen: str = ""

    def __str__(self) -> str:
        """Return the progress in one line."""
        far = " ".join(word for word in (self.unit, f"{self.done} of {self.total}") if word)
        left = [f"{self.left} left"] if self.left else []
        return f"{self.phase}: {', '.join([far, *left])}{self.seen and f'; {self.seen}'}"


def report(progress: Progress) -> None:
    """Log the progress of a piece of work; a handler of the `SPEAKERS` may show it as a bar."""
    logger.info("%s", progress)


def _as_it_is(progress: Progress) -> Progress:
    return progress


def _of_batch(samples: int, done: int, total: int, left: str) -> Progress:
    return Progress(f"batch of {samples}", done, total, "step", left)


def _of_training(name: str, epoch: int, epochs: int, left: str, seen: str) -> Progress:
    return Progress(name, epoch, epochs, "epoch", left, seen.removeprefix("; "))


def _of_updates(done: int, steps: int, loss: float, left: float) -> Progress:
    return Progress("training", done, steps, "step", in_words(left), f"loss {loss:.4f}")


# The modules of these loggers are part of the identity of results. Their messages are parsed here,
# so that they need not change.
SPEAKERS: dict[str, Callable[..., Progress]] = {
    logger.name: _as_it_is,
    f"{_PACKAGE}.sampling.progress": _of_batch,
    f"{_PACKAGE}.evaluation.progress": _of_training,
    f"{_PACKAGE}.training.loop": _of_updates,
}
"""Name of a logger -> function: (arguments of its message) -> progress."""


def read_progress(record: logging.LogRecord) -> Progress | None:
    """Return the progress in a log record; None if the record is about something else."""
    told = getattr(record, "progress", None)
    speaker = SPEAKERS.get(record.name)
    arguments = record.args if isinstance(record.args, tuple) else ()
    if told is None and speaker and len(arguments) == len(signature(speaker).parameters):
        told = speaker(*arguments)
    return told
