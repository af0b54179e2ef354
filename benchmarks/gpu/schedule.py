"""Parts of a measurement, each in its own process, until the time is over."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from benchmarks.models import Bench
from benchmarks.timing import Spread

LEAST_LEFT = 1.0
"""With fewer seconds left, no part is started."""


@dataclass(frozen=True)
class GpuBench(Bench):
    """Files, sizes and time of a part.

    Args:
        out: Folder for files that are kept.
        small: Whether to use the small sizes of a rehearsal.
        data: Folder of the photos to train a prior on; None: no prior is trained.
        begun: Start of the part, by `time.monotonic`.
    """

    out: Path
    small: bool
    data: Path | None
    begun: float = field(default_factory=time.monotonic)

    @property
    def left(self) -> float:
        """Seconds that the part has left."""
        return self.begun + self.seconds - time.monotonic()


class Found(NamedTuple):
    """A number that was measured.

    Args:
        name: Name of its row.
        spread: Its median and percentiles.
    """

    name: str
    spread: Spread


class Part(NamedTuple):
    """One part of the measurement.

    Args:
        run: Yields results as soon as they are measured: numbers and sentences.
        least: The part is skipped if fewer seconds than this are left.
        share: Its largest share of the whole time.
    """

    run: Callable[[GpuBench], Iterator[Found | str]]
    least: float
    share: float


def run_parts(
    parts: Mapping[str, Part],
    seconds: float,
    command: Callable[[str, float], Sequence[str]],
    logs: Path,
    say: Callable[[str], None],
) -> None:
    """Run parts one after the other, each in its own process, until the time is over.

    Args:
        parts: Name -> part, the most important first.
        seconds: Time of all parts together.
        command: (name of a part, its seconds) -> command that runs it and stores its results.
        logs: Folder for the standard error of each part, in a file with its name.
        say: Called with a message when a part is skipped, stopped or failed.
    """
    end = time.monotonic() + seconds
    for name, part in parts.items():
        left = end - time.monotonic()
        if left < max(part.least, LEAST_LEFT):
            left_over = f"{max(left, 0):.0f} s are left"
            say(f"{name}: left out, as it takes {part.least:.0f} s and {left_over}")
            continue
        given = min(left, part.share * seconds)
        log = logs / f"{name}.log"
        with log.open("w", encoding="utf-8") as file:
            code = _run(command(name, given), given, file.fileno())
        if code is None:
            say(f"{name}: stopped after {given:.0f} s; what it found until then is kept")
        elif code:
            last = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
            say(f"{name}: failed: {''.join(last) or f'exit code {code}'}; see {log}")


def _run(command: Sequence[str], seconds: float, errors: int) -> int | None:
    """Return the exit code of a process; None if it and its children had to be stopped."""
    with subprocess.Popen(command, stderr=errors, start_new_session=True) as process:
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        finally:
            # Also if this process is interrupted: Ctrl-C does not reach a session of its own.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
