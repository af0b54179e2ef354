"""Checkpoints of a training, so that an interrupted training continues where it stopped."""

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
"""Default seconds between two checkpoints. A shorter training writes none."""
DIGEST_LENGTH = 64
"""Bytes of the digest that ends a file: the SHA-256 of all bytes before it, in hexadecimal."""


class DamagedError(ValueError):
    """A file whose content differs from what was written."""


@dataclass
class Checkpoint:
    """A file with the state of a training, and a second file with the previous state.

    A state is tensors and plain values, nested. A file ends with the digest of its content. A
    file that was truncated or changed is renamed, and the previous state is used instead.

    Args:
        path: Path of the file.
        identity: Identity of code, configuration and data. States with another one are ignored.
        seconds_between: Least seconds between two states, so the most that a kill can lose; with 0
            another state is always due.
    """

    path: Path
    identity: str
    seconds_between: float = SECONDS_BETWEEN
    _saved: float = field(default_factory=time.monotonic)

    @property
    def before(self) -> Path:
        """Path of the previous state."""
        return self.path.with_name(f"{self.path.name}.before")

    @property
    def damaged(self) -> Path:
        """Path that a damaged file is renamed to."""
        return self.path.with_name(f"{self.path.name}.damaged")

    @property
    def due(self) -> bool:
        """Whether the last state is older than `seconds_between`."""
        return time.monotonic() - self._saved >= self.seconds_between

    def load(self) -> dict[str, Any] | None:
        """Return the last valid state with the same identity, on the CPU; None if there is none."""
        others = False
        for path, state in self._whole():
            if state.pop("identity", None) == self.identity:
                if path != self.path:
                    logger.info("continuing from %s", path)
                return state
            others = True
        if others:
            logger.warning(
                "%s belongs to other code, configuration or data: training starts from the "
                "beginning",
                self.path,
            )
        return None

    def save(self, state: dict[str, Any]) -> None:
        """Write a state, and keep the last one as the previous state.

        If the process is killed meanwhile, the last state stays valid.

        Raises:
            OSError: If the file cannot be written; existing files stay unchanged.
        """
        with replacing_file(self.path) as file:
            written = Digesting(file)
            try:
                torch.save({**state, "identity": self.identity}, cast("IO[bytes]", written))
            except RuntimeError as error:
                # PyTorch's error for a full disk names neither the disk nor the file.
                raise written.failure or error from error
            file.write(written.digest.encode())
            sync(file)
            # There may be no last state, or another process of the same identity just moved it.
            with suppress(FileNotFoundError):
                self.path.replace(self.before)
        self._saved = time.monotonic()

    def remove(self) -> None:
        """Delete the files of a training that has finished."""
        for path in (self.path, self.before, self.damaged):
            path.unlink(missing_ok=True)

    def _whole(self) -> Iterator[tuple[Path, dict[str, Any]]]:
        """Yield the valid states, the last one first; rename damaged files."""
        for path in (self.path, self.before):
            try:
                yield path, _read(path)
            except FileNotFoundError:
                continue
            except DamagedError as error:
                path.replace(self.damaged)
                sync_folder(path.parent)
                logger.warning("%s %s: renamed to %s", path, error, self.damaged.name)


@dataclass
class Digesting:
    """A file that is written from start to end, with the digest of everything written.

    Args:
        file: Open file that receives the bytes.
        failure: Error of the last failed write; None if none failed.
    """

    file: IO[bytes]
    failure: OSError | None = None
    _total: Any = field(default_factory=hashlib.sha256)

    @property
    def digest(self) -> str:
        """SHA-256 so far, in hexadecimal digits."""
        return str(self._total.hexdigest())

    def write(self, data: Any) -> int:
        """Write bytes and update the digest; an `OSError` is kept in `failure`."""
        self._total.update(data)
        try:
            return self.file.write(data)
        except OSError as error:
            self.failure = error
            raise

    def flush(self) -> None:
        """Flush the file."""
        self.file.flush()


def _read(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        left = path.stat().st_size - DIGEST_LENGTH
        total = hashlib.sha256()
        while left > 0 and (part := file.read(min(left, 1 << 20))):
            total.update(part)
            left -= len(part)
        if left or file.read() != total.hexdigest().encode():
            raise DamagedError("is damaged: it differs from what was written")
    try:
        return dict(torch.load(path, map_location="cpu", weights_only=True))
    except (RuntimeError, UnpicklingError, EOFError, ValueError, KeyError, TypeError) as error:
        reason = str(error).partition("\n")[0]
        raise DamagedError(f"is not readable here ({reason})") from error


def name_checkpoint(folder: Path, name: str, identity: str) -> Path:
    """Return the path of a checkpoint; each identity has its own path for the same name."""
    return folder / f"{name}-{hashlib.sha256(identity.encode()).hexdigest()[:12]}.ckpt"


def digest_of(*parts: object) -> str:
    """Return the SHA-256 of the contents and shapes of tensors, and of other values' `repr`."""
    total = hashlib.sha256()
    for part in parts:
        if isinstance(part, torch.Tensor):
            total.update(part.cpu().contiguous().numpy().data)
        total.update(repr(getattr(part, "shape", part)).encode())
    return total.hexdigest()
