"""Progress of a run as bars on a terminal."""

from __future__ import annotations

import atexit
import logging
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.progress import Progress as RichProgress
from rich.text import Text

from mgd3_kedro.durations import in_words
from mgd3_kedro.progress import Progress
from mgd3_kedro.terminal.lines import title_of

WORTH_A_LINE = 1.0
"""Least seconds of a node for a line about it to stay on the screen."""


class RateColumn(ProgressColumn):
    """Column with units per second, or with seconds per unit."""

    def render(self, task: Task) -> Text:
        """Return the rate in words."""
        return Text(rate_in_words(task.speed, str(task.fields["unit"])), style="dim")


class LeftColumn(ProgressColumn):
    """Column with the time left."""

    def render(self, task: Task) -> Text:
        """Return the reported time left, or else an estimate from the speed of the bar."""
        moved = task.time_remaining
        left = task.fields["left"] or (in_words(moved) if moved is not None else "")
        return Text(f"{left} left" if left else "", style="cyan")


class Bars:
    """Display with a bar for every phase of the running nodes, and a line for each ended node.

    Args:
        console: The terminal.
    """

    def __init__(self, console: Console) -> None:
        self._rich = RichProgress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            RateColumn(),
            LeftColumn(),
            TimeElapsedColumn(),
            console=console,
        )
        self._begun: dict[str, float] = {}
        self._tasks: dict[str, TaskID] = {}
        self._lock = threading.RLock()
        self._logging = _logging_to_what_stderr_becomes()
        self._rich.start()
        self._logging.__enter__()
        # Without this, an interrupt would leave the terminal without a cursor.
        atexit.register(self.close)

    def begin(self, node: str) -> None:
        """Show that a node has started."""
        with self._lock:
            self._begun[node] = time.monotonic()
            self._show(Progress(title_of(node), 0, 0))

    def update(self, progress: Progress) -> None:
        """Show the progress of a phase, below the node."""
        with self._lock:
            phase = f"  {progress.phase}"
            self._show(progress._replace(phase=phase))
            if progress.done >= progress.total:
                self._hide(phase)

    def tick(self) -> None:
        """Do nothing: rich updates the bars by itself."""

    def end(self, node: str) -> None:
        """Remove the bar of a node, and leave a line with its time if it took `WORTH_A_LINE`."""
        with self._lock:
            seconds = time.monotonic() - self._begun.pop(node)
            if not self._begun:
                for phase in [*self._tasks]:
                    self._hide(phase)
            else:
                self._hide(title_of(node))
            if seconds >= WORTH_A_LINE:
                self._rich.console.print(f"[green]✓[/] {title_of(node)}: {in_words(seconds)}")

    def close(self) -> None:
        """Remove the bars from the screen."""
        atexit.unregister(self.close)
        with self._lock:
            for phase in [*self._tasks]:
                self._hide(phase)
        self._rich.stop()
        self._logging.__exit__(None, None, None)

    def _show(self, progress: Progress) -> None:
        facts: dict[str, Any] = {"unit": progress.unit, "left": progress.left}
        if progress.phase not in self._tasks:
            self._tasks[progress.phase] = self._rich.add_task(progress.phase, total=None, **facts)
        self._rich.update(
            self._tasks[progress.phase],
            completed=progress.done,
            total=progress.total or None,
            **facts,
        )

    def _hide(self, phase: str) -> None:
        if phase in self._tasks:
            self._rich.remove_task(self._tasks.pop(phase))


def rate_in_words(speed: float | None, unit: str) -> str:
    """Return a rate: 12.0/s, 1.5 epochs/s, or 4.2 s each if a unit takes longer than a second.

    Args:
        speed: Units per second; None or 0 if unknown.
        unit: Name of a unit; may be empty.
    """
    if not speed:
        return ""
    if speed < 1:
        return f"{1 / speed:.1f} s each"
    return f"{speed:.1f} {unit}s/s" if unit else f"{speed:.1f}/s"


@contextmanager
def _logging_to_what_stderr_becomes() -> Iterator[None]:
    """Print log messages above the bars, through the stream that rich sets as `sys.stderr`."""
    handlers = [
        one
        for one in logging.getLogger().handlers
        if isinstance(one, logging.StreamHandler) and one.stream is sys.__stderr__
    ]
    for handler in handlers:
        handler.setStream(sys.stderr)
    yield
    for handler in handlers:
        handler.setStream(sys.__stderr__)
