"""Assignment of a GPU to each process, on machines that have several."""

from __future__ import annotations

import os
import tempfile
from functools import cache
from pathlib import Path

import torch
from filelock import FileLock, Timeout

VISIBLE = "CUDA_VISIBLE_DEVICES"


@cache
def use_free_card() -> int | None:
    """Make "cuda" a GPU that no other process of this project uses, until this process ends.

    If all GPUs are in use, one of them is shared. Devices with a number, such as "cuda:1", are not
    changed.

    Returns:
        Number of the GPU among the visible ones; None if fewer than two are visible.
    """
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if count < 2:
        return None
    number = find_free_card(count)
    torch.cuda.set_device(number)
    return number


def find_free_card(count: int) -> int:
    """Lock a GPU that no other process has locked, and return its number.

    If all are locked, the process id chooses one.

    Args:
        count: Number of visible GPUs.
    """
    names = os.environ.get(VISIBLE, "").split(",")
    if len(names) != count:
        names = [str(number) for number in range(count)]
    folder = Path(tempfile.gettempdir(), f"mgd3_kedro-cards-{os.getuid()}")
    folder.mkdir(exist_ok=True)
    for number, name in enumerate(names):
        lock = FileLock(folder / f"{name.strip()}.lock")
        try:
            lock.acquire(timeout=0)
        except (Timeout, OSError):
            continue
        _taken.append(lock)  # the system releases the lock when the process ends
        return number
    return os.getpid() % count


_taken: list[FileLock] = []
