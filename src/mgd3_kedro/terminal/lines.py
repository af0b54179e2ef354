"""How far a run is, as lines of a log: few, whatever the number of classes."""

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
"""Seconds of silence: a node that is over sooner says nothing, a longer one less and less often."""


@dataclass
class AtWork:
    """A node that has started.

    Args:
        name: Of the node.
        begun: When.
        spoke: When it was last told of.
        pause: Seconds until it is told of again.
        phases: Phase -> how far it is, the latest last.
        told: Whether a line has told of it.
        known: What was told of it last, or goes without saying.
    """

    name: str
    begun: float
    spoke: float
    pause: float = FIRST_PAUSE
    phases: dict[str, Progress] = field(default_factory=dict)
    told: bool = False
    known: str = ""

    def describe(self, now: float) -> str:
        """Return how far it is, in one line: as a whole, and what of it was heard of last."""
        of_node = [one for one in self.phases.values() if not one.unit]
        within = [one for one in self.phases.values() if one.unit]
        shown = [*of_node[-1:], *within[-1:]]
        return "; ".join(map(str, shown)) or f"{in_words(now - self.begun)} so far"


class Lines:
    """Logs a heading per node that takes a while, lines about its progress, and its seconds.

    Args:
        say: Writes a line.
        clock: Tells the seconds.
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
        """Hear that a node starts."""
        now = self._clock()
        with self._lock:
            self._nodes[node] = AtWork(title_of(node), now, now)

    def hear(self, progress: Progress) -> None:
        """Hear how far some of the latest node's work is."""
        with self._lock:
            if self._nodes:
                node = [*self._nodes.values()][-1]
                node.phases.pop(progress.phase, None)
                if not (node.told or progress.done):
                    node.known = str(progress)
                if progress.done < progress.total:
                    node.phases[progress.phase] = progress
                    self.beat()

    def beat(self) -> None:
        """Tell of every node that was not told of for long enough; what is no news has time."""
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
        """Tell the seconds of a node that was told of, or took long."""
        now = self._clock()
        with self._lock:
            ended = self._nodes.pop(node)
            if ended.told:
                self._say(f"  {in_words(now - ended.begun)} in all")

    def close(self) -> None:
        """Forget nodes that did not come to their end."""
        with self._lock:
            self._nodes.clear()

    def _head(self, node: AtWork) -> None:
        if not node.told:
            node.told = True
            self._say(node.name)


def title_of(node: str) -> str:
    """Return a node's name in words, without its stage."""
    return node.rpartition(".")[2].replace("_", " ")
