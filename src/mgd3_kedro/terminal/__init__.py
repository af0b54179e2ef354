"""Progress of a run: a live display on a terminal, or occasional lines in a log."""

from __future__ import annotations

import logging
import threading
from typing import Protocol

from mgd3_kedro.progress import SPEAKERS, Progress, read_progress
from mgd3_kedro.terminal.lines import Lines

SECONDS_BETWEEN_BEATS = 1.0


class Display(Protocol):
    """Display of the nodes that run, and of their progress."""

    def begin(self, node: str) -> None:
        """Take note that a node has started."""

    def update(self, progress: Progress) -> None:
        """Take note of the progress of a part of its work."""

    def tick(self) -> None:
        """Update the display; called every second."""

    def end(self, node: str) -> None:
        """Take note that a node has ended."""

    def close(self) -> None:
        """Close the display; called at the end of the run."""


class Showing(logging.Handler):
    """Logging handler that passes progress reports to a display, until it is stopped.

    Args:
        display: Display that shows them.
    """

    def __init__(self, display: Display) -> None:
        super().__init__()
        self.display = display
        self._over = threading.Event()
        for name in SPEAKERS:
            # Their records are shown on the display, not logged.
            logging.getLogger(name).addHandler(self)
            logging.getLogger(name).propagate = False
        threading.Thread(target=self._beat, daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """Pass a progress report to the display, and any other record to the root logger."""
        if told := read_progress(record):
            self.display.update(told)
        else:
            logging.getLogger().handle(record)

    def stop(self) -> None:
        """Stop showing progress, and close the display."""
        self._over.set()
        for name in SPEAKERS:
            logging.getLogger(name).removeHandler(self)
            logging.getLogger(name).propagate = True
        self.display.close()

    def _beat(self) -> None:
        while not self._over.wait(SECONDS_BETWEEN_BEATS):
            self.display.tick()


def choose_display() -> Display:
    """Return a live display on a terminal, or lines in a log elsewhere."""
    from rich.console import Console

    console = Console(stderr=True)
    if console.is_terminal and not console.is_dumb_terminal:
        from mgd3_kedro.terminal.bars import Bars

        return Bars(console)
    return Lines()


__all__ = ["Display", "Showing", "choose_display"]
