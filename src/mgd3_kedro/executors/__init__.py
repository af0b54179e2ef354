"""Executors of independent calls: in this process, in worker processes, or on a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, NamedTuple

from mgd3_kedro.checks import check_count, check_range, lookup
from mgd3_kedro.executors.on_dask import open_dask, run_on_dask
from mgd3_kedro.executors.on_ray import open_ray, run_on_ray
from mgd3_kedro.executors.processes import count_cores, run_in_processes, run_serially

__all__ = [
    "EXECUTORS",
    "ONE_PER_CORE",
    "ExecutorConfig",
    "check_workers",
    "count_cores",
    "count_workers",
]

Call = Callable[[], Any]
ONE_PER_CORE = -1
"""Number of workers that stands for one per core."""


class Executor(NamedTuple):
    """A way to run calls.

    Args:
        run: Runs picklable calls with a number of workers and these settings; yields their results
            in any order. It takes the next call only when a worker is free.
        open_cluster: Starts a cluster with a number of workers on this machine, and gives its
            address; None if the workers are processes of this machine.
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
        address: Address of a running Dask or Ray cluster; None to start one on this machine.
        gpus_per_worker: Number of GPUs that a Ray worker requests from the cluster.

    Raises:
        ValueError: If a setting does not fit; the message names it.
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
        """Tell whether this number of workers may run on other machines."""
        return self._executor(workers).is_remote

    def in_processes(self, workers: int) -> bool:
        """Tell whether this number of workers run in other processes than this one."""
        return self._executor(workers).run is not run_serially

    def run(self, calls: Iterator[Call], workers: int) -> Iterator[Any]:
        """Run calls, and yield their results in any order.

        Args:
            calls: Picklable calls.
            workers: Number of workers; -1 for one per core.
        """
        yield from self._executor(workers).run(calls, count_workers(workers), self)

    def _executor(self, workers: int) -> Executor:
        chosen = EXECUTORS[self.kind]
        # A single local worker is this process itself.
        return EXECUTORS["serial"] if workers == 1 and not chosen.is_remote else chosen


def check_workers(name: str, workers: int) -> None:
    """Refuse a number of workers that is neither 1 or more nor `ONE_PER_CORE`.

    Raises:
        ValueError: If it is neither; the message names the setting.
    """
    if workers == ONE_PER_CORE:
        return
    try:
        check_count(name, workers)
    except ValueError as error:
        raise ValueError(f"{error}; {ONE_PER_CORE} stands for one per core") from error


def count_workers(workers: int) -> int:
    """Return the number of workers; -1 stands for one per core."""
    return count_cores() if workers == ONE_PER_CORE else workers


EXECUTORS: dict[str, Executor] = {
    "serial": Executor(run_serially),
    "loky": Executor(run_in_processes),
    "dask": Executor(run_on_dask, open_dask),
    "ray": Executor(run_on_ray, open_ray),
}
"""Name -> way to run calls."""
