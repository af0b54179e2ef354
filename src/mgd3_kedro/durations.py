"""Durations as text, and a timer for messages at intervals."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

SECONDS_BETWEEN = 10.0
"""Least seconds between two lines about the progress of the same work."""
UNITS = ((3600, "h"), (60, "min"), (1, "s"))


def in_words(seconds: float) -> str:
    """Return a duration in its two largest units: 45 s, 3 min 20 s, 2 h 5 min."""
    rest, said = round(seconds), []
    for length, unit in UNITS:
        number, rest = divmod(rest, length)
        if number:
            said.append(f"{number} {unit}")
    return " ".join(said[:2]) or "0 s"


@dataclass
class NowAndThen:
    """Timer that says when the next message is due.

    Args:
        seconds_between: Least seconds between two messages.
        begun: Time of the start, from `time.monotonic`.
    """

    seconds_between: float = SECONDS_BETWEEN
    begun: float = field(default_factory=time.monotonic)
    _last: float = field(default_factory=time.monotonic)

    def is_due(self) -> bool:
        """Tell whether a message is due; if it is, restart the timer."""
        now = time.monotonic()
        due = now - self._last >= self.seconds_between
        self._last = now if due else self._last
        return due
