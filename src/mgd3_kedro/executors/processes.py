"""Running of calls in this process, or in worker processes of this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any


def run_serially(calls: Iterator[Callable[[], Any]], workers: int, config: Any) -> Iterator[Any]:
    """Run calls one after the other, in this process."""
    del workers, config
    for call in calls:
        yield call()


def run_in_processes(
    calls: Iterator[Callable[[], Any]], workers: int, config: Any
) -> Iterator[Any]:
    """Run calls in worker processes of joblib, which are stopped at the end.

    Raises:
        ChildProcessError: If a worker process was killed.
    """
    del config
    from joblib import Parallel, delayed
    from joblib.externals.loky import get_reusable_executor
    from joblib.externals.loky.process_executor import BrokenProcessPool

    parallel = Parallel(
        n_jobs=workers, backend="loky", return_as="generator_unordered", pre_dispatch="n_jobs"
    )
    try:
        yield from parallel(delayed(call)() for call in calls)
    except BrokenProcessPool as error:
        raise ChildProcessError(
            "expected worker processes that finish, but one was killed, perhaps because memory "
            "ran out; run again (finished work is kept) with fewer processes: --params "
            "workers.classes=N for classes, jobs=N for trainings"
        ) from error
    finally:
        # Left alone, the processes take seconds to end, and the end of the run waits for them.
        get_reusable_executor(reuse=True).shutdown(wait=True, kill_workers=True)


def count_cores() -> int:
    """Return the number of cores that this process may use."""
    from joblib import cpu_count

    return int(cpu_count())
