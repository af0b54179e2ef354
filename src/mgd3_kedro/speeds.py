"""Measured times of nodes on this machine, for the plan of the next run."""

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
    """Measured time of a node.

    Args:
        parts: Number of classes or trainings that it computed; 1 for a node without parts.
        seconds: Seconds for all parts.
    """

    parts: int
    seconds: float

    def of(self, parts: int) -> float:
        """Return the expected seconds for another number of parts."""
        return self.seconds / self.parts * parts


@dataclass(frozen=True)
class Speeds:
    """A file with the measured times of nodes.

    Args:
        path: Path of the file; it need not exist.
        machine: Name of the device that computes.
    """

    path: Path
    machine: str

    def key_of(self, node: str, settings: Mapping[str, Any]) -> str:
        """Return the key of work that takes the same time: node, device and settings but seeds."""
        plain = without_seeds(json.loads(plain_text(dict(settings))))
        return f"{node} {digest(self.machine, json.dumps(plain, sort_keys=True))[:12]}"

    def find(self, key: str) -> Took | None:
        """Return the last time of the same work; None if it was never done here."""
        try:
            parts, seconds = self._read()[key]
            return Took(int(parts), float(seconds))
        except (KeyError, TypeError, ValueError):
            return None

    def keep(self, took: Mapping[str, Took]) -> None:
        """Save the measured times of some nodes, key -> time."""
        if not took:
            return
        # Not an error here: a full disk also fails the run itself.
        with contextlib.suppress(OSError):
            write_json(self.path, {**self._read(), **took}, indent=1)

    def _read(self) -> dict[str, list[float]]:
        try:
            known: dict[str, list[float]] = read_json(self.path, dict)
        except (OSError, ValueError):
            return {}
        return known
