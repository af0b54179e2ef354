"""Signals that a process gets at a certain change of its files, and counts of these changes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.truncate"}
"""Of Python's audit events; "open" counts where it is for writing."""
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def at_change(number: int, sent: int, root: Path) -> Callable[[], None]:
    """Return what has a process send itself a signal before it changes files for the n-th time.

    Args:
        number: Counted from 1.
        sent: The signal.
        root: Changes below it count.
    """

    def begin() -> None:
        _watch(root, lambda count: os.kill(os.getpid(), sent) if count == number else None)

    return begin


def counting(file: Path, root: Path) -> Callable[[], None]:
    """Return what has a process write down how many times it changes files.

    Args:
        file: Where to.
        root: Changes below it count.
    """
    # Not by an open file of Python's: that would be an event, too.
    return lambda: _watch(root, lambda count: _keep(file, count))


def _keep(file: Path, count: int) -> None:
    number = os.open(f"{file}", os.O_WRONLY | os.O_CREAT, 0o644)
    os.pwrite(number, f"{count:9}".encode(), 0)
    os.close(number)


def _watch(root: Path, heed: Callable[[int], None]) -> None:
    start, count, own = f"{root.resolve()}{os.sep}", 0, os.getpid()

    def see(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal count
        if os.getpid() != own:
            return
        if event == "open":
            path, mode, flags = arguments
            is_change = (
                any(sign in mode for sign in "wax+")
                if isinstance(mode, str)
                else isinstance(flags, int) and bool(flags & WRITING)
            )
        else:
            is_change, path = event in CHANGES, arguments[0] if arguments else None
        if not is_change or not isinstance(path, str | bytes | os.PathLike):
            return
        if os.path.abspath(os.fsdecode(path)).startswith(start):  # noqa: PTH100
            count += 1
            heed(count)

    sys.addaudithook(see)
