"""One fault, tried in whatever process."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from faults.table import Fault, LostError
from faults.world import World

KNOWN: dict[str, Fault] = {}
"""Digest -> fault, for forks of this process: what has a fault happen cannot be pickled."""


def try_fault(folder: Path, digest: str) -> tuple[str, float]:
    """Have a fault happen.

    Args:
        folder: Of the states.
        digest: Of one of `KNOWN`.

    Returns:
        What was lost, nothing if it was survived; and the seconds that it took.
    """
    world, begun = World(folder), time.monotonic()
    try:
        KNOWN[digest].happen(world)
        told = ""
    except LostError as error:
        told = str(error)
    except Exception as error:  # a fault of another kind than was meant is to be seen as well
        told = f"{type(error).__name__}: {error}"
    finally:
        shutil.rmtree(world.copies, ignore_errors=True)
    return " ".join(told.split())[:400], time.monotonic() - begun
