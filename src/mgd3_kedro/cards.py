"""A graphics card for each process, on machines that have several."""

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
    """Have "cuda" be a card that no other process of this project uses, until this one ends.

    Where all are in use, one is shared. A device that is named with its number stays that one.

    Returns:
        Its number among those that are visible; None where there is no choice.
    """
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if count < 2:
        return None
    number = find_free_card(count)
    torch.cuda.set_device(number)
    return number


def find_free_card(count: int) -> int:
    """Return the number of a card that no other process has taken, and take it.

    Args:
        count: Cards that are visible.
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
        _taken.append(lock)  # the system takes it back when the process ends
        return number
    return os.getpid() % count


_taken: list[FileLock] = []
