"""Where calls run that do not depend on each other: here, in processes, or on a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, NamedTuple

from mgd3_kedro.checks import check_range, lookup
from mgd3_kedro.executors.on_dask import open_dask, run_on_dask
from mgd3_kedro.executors.on_ray import open_ray, run_on_ray
from mgd3_kedro.executors.processes import count_cores, run_in_processes, run_serially

__all__ = ["EXECUTORS", "ONE_PER_CORE", "ExecutorConfig", "count_cores", "count_workers"]

Call = Callable[[], Any]
ONE_PER_CORE = -1
"""As a number of workers."""


class Executor(NamedTuple):
    """A way to run calls.

    Args:
        run: Runs calls that can be pickled, so many at once, with these settings; yields what they
            return, in any order. It takes a call when a worker is free for it, not before.
        open_cluster: Starts a cluster of so many workers on this machine, and gives its address;
            None where workers are processes of this machine.
    """

    run: Callable[[Iterator[Call], int, ExecutorConfig], Iterator[Any]]
    open_cluster: Callable[[int], AbstractContextManager[str]] | None = None

    @property
    def is_remote(self) -> bool:
        """Whether workers may be on other machines."""
        return self.open_cluster is not None


@dataclass(frozen=True)
class ExecutorConfig:
    """Where the parts of stages are computed; no result depends on it.

    Args:
        kind: A name of `EXECUTORS`.
        address: Of a cluster of Dask or Ray that is running; None to start one on this machine.
        gpus_per_worker: What a worker of Ray asks the cluster for, in cards.

    Raises:
        ValueError: Naming the setting that does not fit.
    """

    kind: str = "loky"
    address: str | None = None
    gpus_per_worker: float = 0.0

    def __post_init__(self) -> None:
        chosen = lookup(EXECUTORS, self.kind, "executor.kind")
        check_range("executor.gpus_per_worker", self.gpus_per_worker, 0)
        if self.address is not None and not chosen.is_remote:
            raise ValueError(
                f"executor.address: expected null, as {self.kind} works on this machine alone, got "
                f"{self.address!r}; clusters are of kind "
                f"{' or '.join(name for name, one in EXECUTORS.items() if one.is_remote)}"
            )

    def is_remote(self, workers: int) -> bool:
        """Tell whether so many workers may be on other machines."""
        return self._executor(workers).is_remote

    def in_processes(self, workers: int) -> bool:
        """Tell whether so many workers are in other processes than this one."""
        return self._executor(workers).run is not run_serially

    def run(self, calls: Iterator[Call], workers: int) -> Iterator[Any]:
        """Run calls, and yield what they return, in any order.

        Args:
            calls: Can be pickled.
            workers: At once; -1 for one per core.
        """
        yield from self._executor(workers).run(calls, count_workers(workers), self)

    def _executor(self, workers: int) -> Executor:
        chosen = EXECUTORS[self.kind]
        # One worker of this machine is this process.
        return EXECUTORS["serial"] if workers == 1 and not chosen.is_remote else chosen


def count_workers(workers: int) -> int:
    """Return how many workers are asked for, -1 being one per core."""
    return count_cores() if workers == ONE_PER_CORE else workers


EXECUTORS: dict[str, Executor] = {
    "serial": Executor(run_serially),
    "loky": Executor(run_in_processes),
    "dask": Executor(run_on_dask, open_dask),
    "ray": Executor(run_on_ray, open_ray),
}
"""Name -> way to run calls."""
