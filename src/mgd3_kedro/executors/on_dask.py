"""Running of calls on a Dask cluster."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from mgd3_kedro.executors.extras import importing

if TYPE_CHECKING:
    from mgd3_kedro.executors import ExecutorConfig


ANSWER = 10
"""Seconds to wait for the answer of a scheduler."""


def run_on_dask(
    calls: Iterator[Callable[[], Any]], workers: int, config: ExecutorConfig
) -> Iterator[Any]:
    """Run calls on a Dask cluster, which is started here if the settings have no address.

    Raises:
        ModuleNotFoundError: If Dask is not installed.
        ValueError: If no scheduler answers at the address.
    """
    with importing("dask"):
        from distributed import as_completed

    # The scheduler gives the calls of a lost worker to another worker.
    submit = partial(connect(config.address, workers).submit, pure=False)
    running = as_completed(map(submit, islice(calls, workers)))
    for future in running:
        yield future.result()
        for call in islice(calls, 1):
            running.add(submit(call))


@lru_cache(maxsize=1)
def connect(address: str | None, workers: int) -> Any:
    """Return a client of a cluster; a cluster that is started here runs until the process ends.

    Args:
        address: Address of the scheduler; None to start a cluster.
        workers: Number of workers of a cluster that is started.

    Raises:
        ValueError: If no scheduler answers at the address.
    """
    from distributed import Client

    _silence()
    if address is not None:
        try:
            return Client(address, timeout=ANSWER)
        except OSError as error:
            raise ValueError(
                f"executor.address: expected a scheduler of Dask at {address}, none has answered "
                f"for {ANSWER} s; start one (dask scheduler), or set null for one on this machine"
            ) from error
    return Client(_start(workers))


@contextmanager
def open_dask(workers: int) -> Iterator[str]:
    """Start a cluster on this machine, and stop it at the end of the block.

    Yields:
        Address of the cluster.

    Raises:
        ModuleNotFoundError: If Dask is not installed.
    """
    _silence()
    with importing("dask"), _start(workers) as cluster:
        yield cluster.scheduler_address


def _start(workers: int) -> Any:
    from distributed import LocalCluster

    here = {"host": "127.0.0.1", "dashboard_address": None, "silence_logs": "CRITICAL"}
    return LocalCluster(n_workers=workers, threads_per_worker=1, **here)


def _silence() -> None:
    """Silence the log messages of Dask, also in workers and at shutdown."""
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    os.environ.setdefault("DASK_LOGGING__DISTRIBUTED", "critical")
