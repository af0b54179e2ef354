"""Memory of this process: the most it held, and how the C library treats what was freed."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import resource
import sys
from pathlib import Path
from typing import Any

M_TRIM_THRESHOLD = -1
M_MMAP_MAX = -4
LARGEST = 2**31 - 1
KIBIBYTE = 1024


def keep_freed_memory() -> None:
    """Have glibc keep what was freed, in this process and in workers it starts.

    By default it gives every large activation back to the system after each operation of a network
    and asks for it again, page by page, which is a good part of the time of a network on the
    CPU. Without glibc nothing is changed.

    Source: mallopt(3).
    """
    if not sys.platform.startswith("linux"):
        return
    os.environ.setdefault("MALLOC_MMAP_MAX_", "0")
    os.environ.setdefault("MALLOC_TRIM_THRESHOLD_", str(LARGEST))
    if mallopt := _of_c_library("mallopt"):
        mallopt(M_MMAP_MAX, int(os.environ["MALLOC_MMAP_MAX_"]))
        mallopt(M_TRIM_THRESHOLD, min(int(os.environ["MALLOC_TRIM_THRESHOLD_"]), LARGEST))


def leave_garbage() -> None:
    """Look for no garbage while libraries are imported: a fifth of that time, and there is none."""
    gc.disable()


def collect_garbage() -> None:
    """Look for garbage again, apart from what is there by now, which stays to the end."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()


def give_back_freed_memory() -> None:
    """Give back to the system what was freed and kept, so that what is in use can be measured.

    Source: malloc_trim(3).
    """
    if malloc_trim := _of_c_library("malloc_trim"):
        malloc_trim(0)


def reset_peak_memory() -> None:
    """Start a new peak, where the system can; elsewhere the peak is that of the process so far.

    Source: proc(5), clear_refs.
    """
    give_back_freed_memory()  # of what ran before
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")


def peak_memory_mb() -> float:
    """Return the largest resident memory since the last reset, in MB.

    Source: proc(5), VmHWM; getrusage(2) elsewhere.
    """
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / KIBIBYTE
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used / (KIBIBYTE**2 if sys.platform == "darwin" else KIBIBYTE)


def _of_c_library(name: str) -> Any:
    if not sys.platform.startswith("linux"):
        return None
    return getattr(ctypes.CDLL(None), name, None)
