"""What a run shows while it works: a live display on a terminal, lines now and then in a log."""

from __future__ import annotations

import logging
import threading
from typing import Protocol

from mgd3_kedro.progress import SPEAKERS, Progress, read_progress
from mgd3_kedro.terminal.lines import Lines

SECONDS_BETWEEN_BEATS = 1.0


class Display(Protocol):
    """Shows which nodes are at work, and how far they are."""

    def begin(self, node: str) -> None:
        """Hear that a node starts."""

    def hear(self, progress: Progress) -> None:
        """Hear how far some of its work is."""

    def beat(self) -> None:
        """Hear that a second has passed."""

    def end(self, node: str) -> None:
        """Hear that a node has ended."""

    def close(self) -> None:
        """Hear that the run has ended."""


class Showing(logging.Handler):
    """Has a display hear what is reported, from the start of a run to its end.

    Args:
        display: Where it is shown.
    """

    def __init__(self, display: Display) -> None:
        super().__init__()
        self.display = display
        self._over = threading.Event()
        for name in SPEAKERS:
            # What they say is shown, not logged.
            logging.getLogger(name).addHandler(self)
            logging.getLogger(name).propagate = False
        threading.Thread(target=self._beat, daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """Pass a report on."""
        if told := read_progress(record):
            self.display.hear(told)
        else:
            logging.getLogger().handle(record)

    def stop(self) -> None:
        """Show no more."""
        self._over.set()
        for name in SPEAKERS:
            logging.getLogger(name).removeHandler(self)
            logging.getLogger(name).propagate = True
        self.display.close()

    def _beat(self) -> None:
        while not self._over.wait(SECONDS_BETWEEN_BEATS):
            self.display.beat()


def choose_display() -> Display:
    """Return a live display where a person looks on, lines in a log elsewhere."""
    from rich.console import Console

    console = Console(stderr=True)
    if console.is_terminal and not console.is_dumb_terminal:
        from mgd3_kedro.terminal.bars import Bars

        return Bars(console)
    return Lines()


__all__ = ["Display", "Showing", "choose_display"]
