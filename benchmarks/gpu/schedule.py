"""Parts of a measurement, each in a process of its own, until the time is up."""

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
"""Seconds below which nothing is begun."""


@dataclass(frozen=True)
class GpuBench(Bench):
    """Where, how large and for how long a part measures.

    Args:
        out: Where files go that are kept.
        small: Whether sizes are those of a rehearsal.
        data: Folder of the photos that a prior is trained on; None: it is left out.
        begun: When the part began, by `time.monotonic`.
    """

    out: Path
    small: bool
    data: Path | None
    begun: float = field(default_factory=time.monotonic)

    @property
    def left(self) -> float:
        """Seconds that are left to the part."""
        return self.begun + self.seconds - time.monotonic()


class Found(NamedTuple):
    """A number that was measured.

    Args:
        name: Of its row.
        spread: Its median and how far it scatters.
    """

    name: str
    spread: Spread


class Part(NamedTuple):
    """One part of the whole.

    Args:
        run: Yields what it finds, as soon as it is found: numbers, and sentences.
        least: Seconds below which it is not worth to begin.
        share: Of the whole time, at most.
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
    """Run parts one after the other, each in a process of its own, until the time is up.

    Args:
        parts: Name -> part, in the order of their worth.
        seconds: Of the whole.
        command: (name of a part, its seconds) -> what runs it and keeps what it finds.
        logs: Folder for what processes say on standard error, by the name of the part.
        say: Hears of what was left out, stopped or failed.
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
    """Return the exit code of a process; None if it had to be stopped, with all it has started."""
    with subprocess.Popen(command, stderr=errors, start_new_session=True) as process:
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        finally:
            # Also where this process is interrupted: none of a session of its own would hear of it.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
