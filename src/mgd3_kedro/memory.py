"""Memory of this process: its peak, garbage collection, and freed memory in the C library."""

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
    """Make glibc keep freed memory, in this process and in the workers that it starts.

    By default, glibc returns every large activation to the system after each operation of a network
    and requests it again page by page. This is a large part of the time of a network on the CPU.
    Without glibc, nothing changes.

    Source: mallopt(3).
    """
    if not sys.platform.startswith("linux"):
        return
    os.environ.setdefault("MALLOC_MMAP_MAX_", "0")
    os.environ.setdefault("MALLOC_TRIM_THRESHOLD_", str(LARGEST))
    if mallopt := _of_c_library("mallopt"):
        mallopt(M_MMAP_MAX, int(os.environ["MALLOC_MMAP_MAX_"]))
        mallopt(M_TRIM_THRESHOLD, min(int(os.environ["MALLOC_TRIM_THRESHOLD_"]), LARGEST))


def disable_gc() -> None:
    """Disable garbage collection during imports, where it takes a fifth of the time for nothing."""
    gc.disable()


def enable_gc() -> None:
    """Enable garbage collection again, but not for objects that exist now: they are permanent."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()


def give_back_freed_memory() -> None:
    """Return freed memory to the system, so that the memory in use can be measured.

    Source: malloc_trim(3).
    """
    if malloc_trim := _of_c_library("malloc_trim"):
        malloc_trim(0)


def reset_peak_memory() -> None:
    """Reset the peak of memory use; where the system cannot, the peak covers the whole process.

    Source: proc(5), clear_refs.
    """
    give_back_freed_memory()  # freed by earlier work
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")


def peak_memory_mb() -> float:
    """Return the largest resident memory since the last reset, in MB of 2**20 bytes.

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
