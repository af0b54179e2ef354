"""Running of calls on a Ray cluster."""

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
"""Number of times that a lost worker is restarted, and that its call is retried."""


def run_on_ray(
    calls: Iterator[Callable[[], Any]], workers: int, config: ExecutorConfig
) -> Iterator[Any]:
    """Run calls in actors of a Ray cluster, which is started here if there is no address.

    An actor keeps what it has loaded, such as models, between calls.

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
    """Connect this process to a cluster until it ends.

    Args:
        address: Address of the cluster; None to start one on this machine.
        workers: Number of workers of a cluster that is started.

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
    """Start a cluster on this machine, and stop it at the end of the block.

    Yields:
        Address of the cluster.

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
    """Class of the actors."""

    def run(self, call: Callable[[], Any]) -> Any:
        """Run a call and return its result."""
        return call()


def _give(actor: Any, call: Callable[[], Any]) -> Any:
    return actor.run.remote(call)
