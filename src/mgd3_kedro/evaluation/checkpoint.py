"""Where a training stands, so that one that was killed is taken up again."""

from __future__ import annotations

import hashlib
import logging
import time
from dataclasses import dataclass, field
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

logger = logging.getLogger(__name__)

SECONDS_BETWEEN = 60.0
"""Trainings shorter than this write no checkpoint."""


@dataclass
class Checkpoint:
    """A file that holds the state of a training, and is removed when the training is over.

    Args:
        path: The file.
        identity: What it must agree on: code, configuration, data. Another one's is ignored.
        seconds_between: Least time between two states.
    """

    path: Path
    identity: str
    seconds_between: float = SECONDS_BETWEEN
    _saved: float = field(default_factory=time.monotonic)

    def load(self) -> dict[str, Any] | None:
        """Return the state of an interrupted training, if there is one of the same identity."""
        if not self.path.exists():
            return None
        try:
            state: dict[str, Any] = torch.load(self.path, map_location="cpu", weights_only=True)
        except (OSError, EOFError, RuntimeError, UnpicklingError) as error:
            logger.warning("%s is not readable, left aside: %s", self.path, error)
            return None
        if state.pop("identity") != self.identity:
            logger.warning("%s is of another code, configuration or data: left aside", self.path)
            return None
        return state

    @property
    def due(self) -> bool:
        """Whether the last state is old enough for another."""
        return time.monotonic() - self._saved >= self.seconds_between

    def save(self, state: dict[str, Any]) -> None:
        """Replace the file."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        partial = self.path.with_suffix(".partial")
        torch.save({**state, "identity": self.identity}, partial)
        partial.replace(self.path)
        self._saved = time.monotonic()

    def remove(self) -> None:
        """Forget a training that is over."""
        self.path.unlink(missing_ok=True)


def digest_of(*parts: object) -> str:
    """Return the SHA-256 of tensors and of the text of anything else."""
    total = hashlib.sha256()
    for part in parts:
        if isinstance(part, torch.Tensor):
            total.update(part.cpu().contiguous().numpy().data)
        total.update(repr(getattr(part, "shape", part)).encode())
    return total.hexdigest()
