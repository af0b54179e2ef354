"""Calls that run on a cluster of Ray."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any

from mgd3_kedro.executors.extras import importing

if TYPE_CHECKING:
    from mgd3_kedro.executors import ExecutorConfig

LOST = 3
"""Times that a worker is started again, and a call given to it again, where it was lost."""


def run_on_ray(
    calls: Iterator[Callable[[], Any]], workers: int, config: ExecutorConfig
) -> Iterator[Any]:
    """Run calls by actors of the cluster at an address, or of one that is started here.

    An actor keeps what it has loaded, as models, from call to call.

    Raises:
        ModuleNotFoundError: If Ray is not installed.
    """
    connect(config.address, workers)
    import ray
    from ray.util import ActorPool

    needs = {"num_cpus": 1, "num_gpus": config.gpus_per_worker}
    actor = ray.remote(max_restarts=LOST, max_task_retries=LOST, **needs)(Worker)
    actors = [actor.remote() for _ in range(workers)]
    try:
        pool = ActorPool(actors)
        for call in islice(calls, workers):
            pool.submit(_give, call)
        while pool.has_next():
            try:
                yield pool.get_next_unordered()
            except ray.exceptions.RayTaskError as error:
                raise error.cause from None
            for call in islice(calls, 1):
                pool.submit(_give, call)
    finally:
        for one in actors:
            ray.kill(one)


def connect(address: str | None, workers: int) -> None:
    """Join a cluster, until the process ends.

    Args:
        address: Of the cluster; None to start one on this machine.
        workers: Of a cluster that is started.

    Raises:
        ModuleNotFoundError: If Ray is not installed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    with importing("ray"):
        import ray

    if not ray.is_initialized():
        here = {} if address else {"num_cpus": workers, "include_dashboard": False}
        ray.init(address=address or "local", logging_level="ERROR", log_to_driver=False, **here)


@contextmanager
def open_ray(workers: int) -> Iterator[str]:
    """Start a cluster on this machine, which ends with the block.

    Yields:
        Its address.

    Raises:
        ModuleNotFoundError: If Ray is not installed.
    """
    connect(None, workers)
    import ray

    try:
        yield ray.get_runtime_context().gcs_address
    finally:
        ray.shutdown()


class Worker:
    """What an actor does."""

    def run(self, call: Callable[[], Any]) -> Any:
        """Run a call."""
        return call()


def _give(actor: Any, call: Callable[[], Any]) -> Any:
    return actor.run.remote(call)
