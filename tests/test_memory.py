import gc
import os
import platform
import subprocess
import sys

import pytest

from mgd3_kedro.hooks import MemoryHooks
from mgd3_kedro.memory import disable_gc

FAULTS = """
import resource
import sys
import numpy as np

if "keep" in sys.argv:
    from mgd3_kedro.memory import keep_freed_memory
    keep_freed_memory()
for _ in range(2):
    np.ones(1 << 23)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    np.ones(1 << 23)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
if "child" in sys.argv:
    import subprocess
    command = [sys.executable, "-c", sys.stdin.read()]
    print(subprocess.run(command, capture_output=True, text=True).stdout)
"""


def undecided():
    """Return the variables of this process without what decides on freed memory."""
    return {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}


def faults(*arguments, **variables):
    """Return how many pages the system had to give to arrays of 64 MB, again and again."""
    # Huge pages would hide what is counted.
    answer = subprocess.run(
        [sys.executable, "-c", FAULTS, *arguments],
        env={**undecided(), "NUMPY_MADVISE_HUGEPAGE": "0", **variables},
        input=FAULTS,
        capture_output=True,
        text=True,
        check=True,
    )
    return [int(number) for number in answer.stdout.split()]


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="for glibc")
def test_what_was_freed_is_used_again_without_asking_the_system():
    ((given_back,), (kept,)) = faults(), faults("keep")
    assert kept < 1000 < given_back


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="for glibc")
def test_so_it_is_in_processes_that_are_started_later():
    _, in_child = faults("keep", "child")
    assert in_child < 1000


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="for glibc")
def test_who_has_decided_otherwise_is_left_alone():
    (given_back,) = faults("keep", MALLOC_MMAP_MAX_="65536", MALLOC_TRIM_THRESHOLD_="131072")
    assert given_back > 1000


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="for glibc")
def test_what_was_kept_can_be_given_back():
    code = """
import numpy as np
from mgd3_kedro.memory import give_back_freed_memory, keep_freed_memory

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 >> 20

keep_freed_memory()
np.ones(1 << 25)
before = resident()
give_back_freed_memory()
print(before - resident())
"""
    answer = subprocess.run(
        [sys.executable, "-c", code], env=undecided(), capture_output=True, text=True, check=True
    )
    assert int(answer.stdout) > 200


@pytest.fixture
def collecting():
    """Have garbage looked for after the test, as before it."""
    yield
    gc.unfreeze()
    gc.enable()


def test_garbage_is_left_while_libraries_are_imported_and_looked_for_in_runs(collecting):
    gc.unfreeze()
    disable_gc()
    assert not gc.isenabled()
    MemoryHooks().after_context_created()
    assert gc.isenabled()
    frozen, later = gc.get_freeze_count(), [[] for _ in range(1000)]
    assert frozen
    MemoryHooks().after_context_created()  # of the next session, whose garbage is not to stay
    assert gc.get_freeze_count() < frozen + len(later)
