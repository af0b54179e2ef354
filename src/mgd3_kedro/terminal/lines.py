"""Progress of a run as a few lines of a log, whatever the number of classes."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from mgd3_kedro.durations import in_words
from mgd3_kedro.progress import Progress

logger = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 5.0, 30.0
"""Seconds before the first line about a node, and most seconds between two lines. A shorter node
has no line; for a longer node, the pause doubles after each line."""


@dataclass
class AtWork:
    """A node that is running.

    Args:
        name: Name of the node, in words.
        begun: Start time, in seconds.
        spoke: Time of the last line about it, in seconds.
        pause: Least seconds between `spoke` and the next line.
        phases: Phase -> its progress, the latest last.
        told: Whether the heading was written.
        known: Last line about it, or a progress that needs no line.
    """

    name: str
    begun: float
    spoke: float
    pause: float = FIRST_PAUSE
    phases: dict[str, Progress] = field(default_factory=dict)
    told: bool = False
    known: str = ""

    def describe(self, now: float) -> str:
        """Return the progress in one line: of the whole node, then of its latest phase."""
        of_node = [one for one in self.phases.values() if not one.unit]
        within = [one for one in self.phases.values() if one.unit]
        shown = [*of_node[-1:], *within[-1:]]
        return "; ".join(map(str, shown)) or f"{in_words(now - self.begun)} so far"


class Lines:
    """Display that logs a heading, lines of progress and the time of every longer node.

    Args:
        say: Writes a line.
        clock: Returns the time in seconds.
    """

    def __init__(
        self,
        say: Callable[[str], None] = logger.info,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._say, self._clock = say, clock
        self._nodes: dict[str, AtWork] = {}
        self._lock = threading.RLock()

    def begin(self, node: str) -> None:
        """Take note that a node has started."""
        now = self._clock()
        with self._lock:
            self._nodes[node] = AtWork(title_of(node), now, now)

    def update(self, progress: Progress) -> None:
        """Take note of the progress of a phase of the latest node."""
        with self._lock:
            if self._nodes:
                node = [*self._nodes.values()][-1]
                node.phases.pop(progress.phase, None)
                if not (node.told or progress.done):
                    node.known = str(progress)
                if progress.done < progress.total:
                    node.phases[progress.phase] = progress
                    self.tick()

    def tick(self) -> None:
        """Log the progress of every node whose pause is over; unchanged progress waits longer."""
        now = self._clock()
        with self._lock:
            for node in self._nodes.values():
                silence = now - node.spoke
                if silence < node.pause:
                    continue
                self._head(node)
                found = node.describe(now)
                if found != node.known or silence >= LONGEST_PAUSE:
                    self._say(f"  {found}")
                    node.known, node.spoke = found, now
                    node.pause = min(2 * node.pause, LONGEST_PAUSE)

    def end(self, node: str) -> None:
        """Log the time of a node, if it has a heading."""
        now = self._clock()
        with self._lock:
            ended = self._nodes.pop(node)
            if ended.told:
                self._say(f"  {in_words(now - ended.begun)} in all")

    def close(self) -> None:
        """Forget nodes that have not ended."""
        with self._lock:
            self._nodes.clear()

    def _head(self, node: AtWork) -> None:
        if not node.told:
            node.told = True
            self._say(node.name)


def title_of(node: str) -> str:
    """Return a node's name in words, without its stage."""
    return node.rpartition(".")[2].replace("_", " ")
