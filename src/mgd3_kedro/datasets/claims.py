"""Who computes what, where several processes fill the same folder at once."""

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
"""What is beside the parts while they are made; the folder goes with the last process at work."""
LEASE = 60.0
"""Seconds without a sign of life after which a process is taken for dead, where the file system has
no locks."""
FIRST_WAIT, WAIT = 0.01, 0.25
"""Seconds between two looks at what others do: at first, and at most."""


def lock_of_system(path: Path) -> BaseFileLock:
    """Return a lock that the system takes back from a process that ends, however it ends.

    Raises:
        NotImplementedError: When it is acquired, if the file system has no such locks.
    """
    return FileLock(path, thread_local=False, fallback_to_soft=False)


def lock_by_lease(path: Path) -> BaseFileLock:
    """Return a lock that its holder keeps renewing, for file systems without locks.

    It needs no common clock: who waits measures on its own how long no renewal was seen.
    """
    return SoftFileLease(path, lease_duration=LEASE, thread_local=False)


def find_opener(folder: Path) -> Opener:
    """Return what opens locks in a folder that is there: those of the system, or leases."""
    # Of one name: what an interrupt leaves of it is removed by the next one here.
    probe = lock_of_system(folder / ".probe")
    try:
        with contextlib.suppress(Timeout), probe.acquire(timeout=0):
            pass
        return lock_of_system
    except NotImplementedError:
        logger.info("%s has no file locks: processes tell each other by renewed files", folder)
        return lock_by_lease
    finally:
        Path(probe.lock_file).unlink(missing_ok=True)


class Claims:
    """Divides parts among processes that make the same thing; others wait until these are done.

    A process at work holds the lock of a file of its own, so that it counts until it ends, however
    it ends; a claim is a file that names it. Files change under one short lock.

    Args:
        folder: Where the parts are written down; it is there.
        purpose: What is to be made. Processes with the same purpose share the parts.
        opener: Of locks; None to find out what the file system has.
    """

    def __init__(self, folder: Path, purpose: str, opener: Opener | None = None) -> None:
        self._folder = folder / WORK
        self._open = opener or find_opener(folder)
        self._lock = self._open(folder / LOCK)
        self._of_others: dict[Path, BaseFileLock] = {}
        self._name = f"{purpose[:16]}-{secrets.token_hex(8)}"

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other processes from taking and giving back parts meanwhile; not for long."""
        with self._lock.acquire():
            yield

    @contextlib.contextmanager
    def at_work(self, name: str) -> Iterator[None]:
        """Count as one that works here, once nobody makes anything else here.

        Args:
            name: Of what is made, for the line that says that it waits.
        """
        told = False
        while (own := self._join()) is None:
            if not told:
                logger.info("%s: another process makes others there, waiting", name)
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
        """Remove what processes that were killed have left, if none is at work."""
        with self.alone():
            self._remove_if_unused()

    def take(self, parts: Sequence[str], most: int, *, whole: bool = False) -> list[str]:
        """Return the first parts that no process at work has; they are this one's from now on.

        Args:
            parts: Wanted.
            most: How many at once.
            whole: Whether they depend on each other: none, if another has one of them.
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
        """Leave parts to whoever wants them, made or not."""
        for part in parts:
            (self._folder / "claims" / part).unlink(missing_ok=True)

    def _join(self) -> BaseFileLock | None:
        """Return the lock that says that this process works; None while others make others."""
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
        """Return the other processes at work; files of those that have ended are removed."""
        alive = []
        for path in self._folder.glob("*.lock"):
            if path.stem == self._name:
                continue
            # The same one each time: a lease remembers since when it has seen no renewal.
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
    """Return whose a claim is; nobody's, if it was given back just now."""
    try:
        return claim.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
