"""Limit of the gain by two processes: the calls of a stage without the code that divides them."""

from __future__ import annotations

from collections.abc import Callable

import torch

from benchmarks.dividing import Classes, search
from benchmarks.models import Bench
from benchmarks.side_by_side import helper, serve
from benchmarks.timing import Spread, spread_of, time_ratios
from mgd3_kedro.modes.clusters import flatten
from mgd3_kedro.modes.lloyd import run_kmeans
from mgd3_kedro.modes.reduction import span_coordinates


def compare_bare_halves(bench: Bench, classes: Classes) -> Spread:
    """Return the time of k-means in two processes, half of the classes each, over that in one.

    The points are in memory in all processes. There are no claims, files or records.
    """
    find = _searches(classes)
    first, second = range(classes.count // 2), range(classes.count // 2, classes.count)
    numbers = (classes.count, classes.images, classes.ipc)
    with helper("benchmarks.limits", *numbers) as start:

        def together() -> None:
            wait = start(f"{second.start} {second.stop}")
            find(first)
            wait()

        return spread_of(time_ratios(together, lambda: find(range(classes.count)), bench.seconds))


def help_out(*numbers: str) -> None:
    """Read ranges of classes from standard input, and find their modes.

    A line has the first class and the class after the last.

    Args:
        numbers: First fields of `Classes`, in order.
    """
    torch.set_num_threads(1)
    find = _searches(Classes(*map(int, numbers)))
    serve(lambda asked: find(range(*map(int, asked.split()))))


def _searches(classes: Classes) -> Callable[[range], None]:
    """Return a function that runs scikit-learn's k-means as the stage does, for some classes."""
    config = search(classes)
    latents = (classes.latents(label)["latents"] for label in range(classes.count))
    points = [span_coordinates(flatten(of_class)) for of_class in latents]

    def find(labels: range) -> None:
        for label in labels:
            run_kmeans(points[label], config.ipc, config.n_init, config.random_state)

    return find
