"""Where a training stands, so that one that was killed is taken up again."""

from __future__ import annotations

import hashlib
import logging
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

logger = logging.getLogger(__name__)


@dataclass
class Checkpoint:
    """A file that holds the state of a training.

    Args:
        path: The file.
        identity: What it must agree on: code, configuration, data. Another one's is ignored.
        seconds_between: Least time between two states, what a kill loses at most; 0: each is due.
    """

    path: Path
    identity: str
    seconds_between: float
    _saved: float = field(default_factory=time.monotonic)

    @property
    def due(self) -> bool:
        """Whether the last state is old enough for another."""
        return time.monotonic() - self._saved >= self.seconds_between

    def load(self) -> dict[str, Any] | None:
        """Return the state of a training of the same identity, on the CPU, if there is one."""
        if not self.path.exists():
            return None
        state: dict[str, Any] = torch.load(self.path, map_location="cpu", weights_only=True)
        if state["identity"] != self.identity:
            logger.warning("%s is of another code, configuration or data: training anew", self.path)
            return None
        return state

    def save(self, state: dict[str, Any]) -> None:
        """Replace the file; a kill in between leaves the old one."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        partial = self.path.with_suffix(".partial")
        torch.save({**state, "identity": self.identity}, partial)
        partial.replace(self.path)
        self._saved = time.monotonic()


def name_checkpoint(folder: Path, name: str, identity: str) -> Path:
    """Return where a training of this identity is kept: others of the same name are left alone."""
    return folder / f"{name}-{hashlib.sha256(identity.encode()).hexdigest()[:12]}.ckpt"
