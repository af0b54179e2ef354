"""Claims that divide work between processes that fill the same folder at the same time."""

from __future__ import annotations

import contextlib
import logging
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from filelock import BaseFileLock, FileLock, SoftFileLease, Timeout

logger = logging.getLogger(__name__)

Opener = Callable[[Path], BaseFileLock]
LOCK, WORK = ".lock", ".work"
"""Names of the lock file and of the work folder beside the records; the last process at work
removes the work folder."""
LEASE = 60.0
"""Seconds without a renewal after which a process counts as dead, on file systems without locks."""
FIRST_WAIT, WAIT = 0.01, 0.25
"""First and longest pause, in seconds, between two checks of what other processes do."""


def lock_of_system(path: Path) -> BaseFileLock:
    """Return a lock that the operating system releases when its process ends, even by a crash.

    Raises:
        NotImplementedError: On acquire, if the file system has no such locks.
    """
    return FileLock(path, thread_local=False, fallback_to_soft=False)


def lock_by_lease(path: Path) -> BaseFileLock:
    """Return a lock that its holder keeps renewing, for file systems without locks.

    Machines need no common clock: a waiting process measures with its own clock how long it has
    seen no renewal.
    """
    return SoftFileLease(path, lease_duration=LEASE, thread_local=False)


def find_opener(folder: Path) -> Opener:
    """Return the function that opens locks in an existing folder: system locks, or leases."""
    # The name is fixed: if an interrupt leaves the file behind, the next process removes it.
    probe = lock_of_system(folder / ".probe")
    try:
        with contextlib.suppress(Timeout), probe.acquire(timeout=0):
            pass
        return lock_of_system
    except NotImplementedError:
        logger.info("%s has no file locks: processes use lease files instead", folder)
        return lock_by_lease
    finally:
        Path(probe.lock_file).unlink(missing_ok=True)


class Claims:
    """Claims of parts by processes that make the same artefact at the same time.

    Processes with another purpose wait until these are done. Each process at work holds the lock of
    its own file, so it counts as alive until it ends, even by a crash. A claim is a file that
    contains the name of its process. Files change only under one short lock.

    Args:
        folder: Existing folder of the records of the parts.
        purpose: Identity of what is made. Processes with the same purpose share the parts.
        opener: Function that opens locks; None to find out which locks the file system has.
    """

    def __init__(self, folder: Path, purpose: str, opener: Opener | None = None) -> None:
        self._folder = folder / WORK
        self._open = opener or find_opener(folder)
        self._lock = self._open(folder / LOCK)
        self._of_others: dict[Path, BaseFileLock] = {}
        self._name = f"{purpose[:16]}-{secrets.token_hex(8)}"

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the short lock briefly, so that no other process takes or gives back parts."""
        with self._lock.acquire():
            yield

    @contextlib.contextmanager
    def registered(self, name: str) -> Iterator[None]:
        """Register this process as at work; wait while others work for another purpose.

        Args:
            name: Name of the artefact, for the log line that says that this process waits.
        """
        told = False
        while (own := self._join()) is None:
            if not told:
                logger.info(
                    "%s: waiting for another process that makes other results in the same folder",
                    name,
                )
            told = True
            time.sleep(WAIT)
        try:
            yield
        finally:
            with self.alone():
                own.release()
                self._place(self._name).unlink(missing_ok=True)
                self._remove_if_unused()

    def tidy(self) -> None:
        """Remove what killed processes have left, if no process is at work."""
        with self.alone():
            self._remove_if_unused()

    def take(self, parts: Sequence[str], most: int, *, whole: bool = False) -> list[str]:
        """Claim the first parts that no process at work has claimed, and return them.

        Args:
            parts: Wanted parts, in order.
            most: Maximum number of parts to claim.
            whole: Whether the parts depend on each other; then none is claimed if one of them is
                claimed already.
        """
        with self.alone():
            alive = {*self._others(), self._name}
            claims = self._folder / "claims"
            claims.mkdir(exist_ok=True)
            taken = {path.name for path in claims.iterdir() if _holder(path) in alive}
            free = [part for part in parts if part not in taken][:most]
            if whole and taken.intersection(parts):
                return []
            for part in free:
                (claims / part).write_text(self._name, encoding="utf-8")
            return free

    def give_back(self, parts: Sequence[str]) -> None:
        """Release the claims on parts, whether these were made or not."""
        for part in parts:
            (self._folder / "claims" / part).unlink(missing_ok=True)

    def _join(self) -> BaseFileLock | None:
        """Return the lock of this process at work; None while others have another purpose."""
        with self.alone():
            self._folder.mkdir(exist_ok=True)
            purpose = self._name.partition("-")[0]
            if any(other.partition("-")[0] != purpose for other in self._others()):
                return None
            own = self._open(self._place(self._name))
            own.acquire(timeout=0)
            return own

    def _remove_if_unused(self) -> None:
        if not self._others():
            shutil.rmtree(self._folder, ignore_errors=True)

    def _others(self) -> list[str]:
        """Return the other processes at work, and remove the files of those that have ended."""
        alive = []
        for path in self._folder.glob("*.lock"):
            if path.stem == self._name:
                continue
            # Reuse one lock object per file: a lease remembers since when it has seen no renewal.
            lock = self._of_others.setdefault(path, self._open(path))
            try:
                with lock.acquire(timeout=0):
                    path.unlink(missing_ok=True)
            except Timeout:
                alive.append(path.stem)
        return alive

    def _place(self, name: str) -> Path:
        return self._folder / f"{name}.lock"


def _holder(claim: Path) -> str:
    """Return the process that holds a claim; empty if the claim was just released."""
    try:
        return claim.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
