"""Where a training stands, so that one that was killed is taken up again."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from pickle import UnpicklingError
from typing import IO, Any, cast

import torch

from mgd3_kedro.durable import replacing_file, sync, sync_folder

logger = logging.getLogger(__name__)

CHANGES_NO_RESULT = True
"""See `source_code`."""

SECONDS_BETWEEN = 60.0
"""Trainings shorter than this write no checkpoint where nothing else is asked for."""
DIGEST_LENGTH = 64
"""Bytes at the end of a file: the SHA-256 of all before, in hexadecimal digits."""


class DamagedError(ValueError):
    """A file is not what was written."""


@dataclass
class Checkpoint:
    """A file that holds the state of a training, and the state before it beside it.

    A state is tensors and plain values, nested. A file carries the digest of its content: one that
    was cut or changed is set aside, and the one before it is taken.

    Args:
        path: The file.
        identity: What it must agree on: code, configuration, data. Another one's is ignored.
        seconds_between: Least time between two states, what a kill loses at most; 0: each is due.
    """

    path: Path
    identity: str
    seconds_between: float = SECONDS_BETWEEN
    _saved: float = field(default_factory=time.monotonic)

    @property
    def before(self) -> Path:
        """Where the last state but one is."""
        return self.path.with_name(f"{self.path.name}.before")

    @property
    def damaged(self) -> Path:
        """Where a file that is not what was written is set aside."""
        return self.path.with_name(f"{self.path.name}.damaged")

    @property
    def due(self) -> bool:
        """Whether the last state is old enough for another."""
        return time.monotonic() - self._saved >= self.seconds_between

    def load(self) -> dict[str, Any] | None:
        """Return the last whole state of a training of the same identity, on the CPU, if any."""
        others = False
        for path, state in self._whole():
            if state.pop("identity", None) == self.identity:
                if path != self.path:
                    logger.info("going on from %s", path)
                return state
            others = True
        if others:
            logger.warning("%s is of another code, configuration or data: training anew", self.path)
        return None

    def save(self, state: dict[str, Any]) -> None:
        """Keep a state; a kill in between leaves the last one, and another one stays beside it.

        Raises:
            OSError: If it cannot be written; what is there stays.
        """
        with replacing_file(self.path) as file:
            written = Digesting(file)
            try:
                torch.save({**state, "identity": self.identity}, cast("IO[bytes]", written))
            except RuntimeError as error:
                # What PyTorch says of a full disk names neither.
                raise written.failure or error from error
            file.write(written.digest.encode())
            sync(file)
            # There is none at first; or another process of the same identity has just moved it.
            with suppress(FileNotFoundError):
                self.path.replace(self.before)
        self._saved = time.monotonic()

    def remove(self) -> None:
        """Forget a training that is over."""
        for path in (self.path, self.before, self.damaged):
            path.unlink(missing_ok=True)

    def _whole(self) -> Iterator[tuple[Path, dict[str, Any]]]:
        """Yield the states that are as they were written, the last one first."""
        for path in (self.path, self.before):
            try:
                yield path, _read(path)
            except FileNotFoundError:
                continue
            except DamagedError as error:
                path.replace(self.damaged)
                sync_folder(path.parent)
                logger.warning("%s %s: set aside as %s", path, error, self.damaged.name)


@dataclass
class Digesting:
    """A file that is written from its beginning to its end, and the digest of what is written.

    Args:
        file: Where it goes.
        failure: Why it could not be written, if so.
    """

    file: IO[bytes]
    failure: OSError | None = None
    _total: Any = field(default_factory=hashlib.sha256)

    @property
    def digest(self) -> str:
        """SHA-256 so far, in hexadecimal digits."""
        return str(self._total.hexdigest())

    def write(self, data: Any) -> int:
        """Write, and take note."""
        self._total.update(data)
        try:
            return self.file.write(data)
        except OSError as error:
            self.failure = error
            raise

    def flush(self) -> None:
        """Pass on what waits."""
        self.file.flush()


def _read(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        left = path.stat().st_size - DIGEST_LENGTH
        total = hashlib.sha256()
        while left > 0 and (part := file.read(min(left, 1 << 20))):
            total.update(part)
            left -= len(part)
        if left or file.read() != total.hexdigest().encode():
            raise DamagedError("is damaged, it is not what was written")
    try:
        return dict(torch.load(path, map_location="cpu", weights_only=True))
    except (RuntimeError, UnpicklingError, EOFError, ValueError, KeyError, TypeError) as error:
        reason = str(error).partition("\n")[0]
        raise DamagedError(f"is not readable here ({reason})") from error


def name_checkpoint(folder: Path, name: str, identity: str) -> Path:
    """Return where a training of this identity is kept: others of the same name are left alone."""
    return folder / f"{name}-{hashlib.sha256(identity.encode()).hexdigest()[:12]}.ckpt"


def digest_of(*parts: object) -> str:
    """Return the SHA-256 of tensors and of the text of anything else."""
    total = hashlib.sha256()
    for part in parts:
        if isinstance(part, torch.Tensor):
            total.update(part.cpu().contiguous().numpy().data)
        total.update(repr(getattr(part, "shape", part)).encode())
    return total.hexdigest()
