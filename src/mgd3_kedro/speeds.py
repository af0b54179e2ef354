"""How long nodes took on this machine, for what is said before the next run."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from mgd3_kedro.durable import read_json, write_json
from mgd3_kedro.fingerprint import digest, plain_text, without_seeds

FILE = ".mgd3/speeds.json"


class Took(NamedTuple):
    """What a node took.

    Args:
        parts: Classes or trainings that it computed; 1 for a node without parts.
        seconds: For all of them.
    """

    parts: int
    seconds: float

    def of(self, parts: int) -> float:
        """Return the seconds that another number of parts takes."""
        return self.seconds / self.parts * parts


@dataclass(frozen=True)
class Speeds:
    """A file of what nodes took.

    Args:
        path: The file; need not exist.
        machine: Name of the device that computes.
    """

    path: Path
    machine: str

    def key_of(self, node: str, settings: Mapping[str, Any]) -> str:
        """Return what tells work from work of another speed: its settings, whatever the seeds."""
        plain = without_seeds(json.loads(plain_text(dict(settings))))
        return f"{node} {digest(self.machine, json.dumps(plain, sort_keys=True))[:12]}"

    def find(self, key: str) -> Took | None:
        """Return what the same work took last, None if it was never done here."""
        try:
            parts, seconds = self._read()[key]
            return Took(int(parts), float(seconds))
        except (KeyError, TypeError, ValueError):
            return None

    def keep(self, took: Mapping[str, Took]) -> None:
        """Write down what some nodes took."""
        if not took:
            return
        # Not worth an error: a disk that is full has one of its own.
        with contextlib.suppress(OSError):
            write_json(self.path, {**self._read(), **took}, indent=1)

    def _read(self) -> dict[str, list[float]]:
        try:
            known: dict[str, list[float]] = read_json(self.path, dict)
        except (OSError, ValueError):
            return {}
        return known
