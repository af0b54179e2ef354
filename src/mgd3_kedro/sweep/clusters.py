"""One cluster for all points of a sweep, instead of one per point."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

from mgd3_kedro.executors import EXECUTORS, ExecutorConfig, count_workers
from mgd3_kedro.sweep.plan import Point


@contextmanager
def shared_clusters(points: Sequence[Point], jobs: int) -> Iterator[dict[str, str]]:
    """Start one cluster for each kind of executor that needs one; stop them after the block.

    Args:
        points: Points that will run.
        jobs: Number of points that run at the same time.

    Yields:
        Kind of executor -> address of its cluster.

    Raises:
        ModuleNotFoundError: If the library of a kind is not installed.
    """
    workers: dict[str, int] = defaultdict(int)
    for point in points:
        config = executor_of(point)
        if EXECUTORS[config.kind].open_cluster and config.address is None:
            of_run = point.loader["parameters"]["workers"]
            asked = max(count_workers(of_run[name]) for name in ("classes", "trainings"))
            workers[config.kind] = max(workers[config.kind], asked)
    with ExitStack() as clusters:
        addresses = {}
        for kind, asked in workers.items():
            if opened := EXECUTORS[kind].open_cluster:
                addresses[kind] = clusters.enter_context(opened(jobs * asked))
        yield addresses


def executor_of(point: Point) -> ExecutorConfig:
    """Return the settings of where a point's classes and trainings are computed."""
    return ExecutorConfig(**point.loader["parameters"]["executor"])


def joining(point: Point, addresses: Mapping[str, str]) -> list[str]:
    """Return the options with which a point joins the shared cluster; empty if there is none.

    Args:
        point: The point.
        addresses: Addresses from `shared_clusters`.
    """
    config = executor_of(point)
    if config.address is not None or config.kind not in addresses:
        return []
    return ["--params", f"executor.address={addresses[config.kind]}"]
