"""Measurement of the time that a small batch of work takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mgd3_kedro.evaluation import EvaluationConfig

SAMPLES = 16
"""Samples in a batch that is timed; on a CPU, a smaller batch takes as long."""
LONG_ENOUGH = 2.0
"""If the first batch takes this many seconds, it is not repeated, although the first is slower."""
WATCHED = 0.5
"""Seconds for which a batch is repeated."""


def time_samples(function: Callable[[], object]) -> float:
    """Return the seconds that each of `SAMPLES` samples takes.

    Args:
        function: Computes `SAMPLES` samples.
    """
    return time_call(function) / SAMPLES


def time_call(function: Callable[[], object]) -> float:
    """Return the seconds that a call takes, the mean of several calls if it is short.

    On a GPU, its work is awaited. Networks are not compiled here: compilation takes longer than all
    timed batches, and the run has batches of another size.

    Args:
        function: Function to call. Its first call is slower and does not count, unless it takes
            `LONG_ENOUGH`.
    """
    import torch

    def timed() -> float:
        begun = time.perf_counter()
        function()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        return time.perf_counter() - begun

    with torch.compiler.set_stance("force_eager"):
        if (first := timed()) >= LONG_ENOUGH:
            return first
        # The speed of a machine with other work varies from moment to moment.
        taken = [timed()]
        while sum(taken) < WATCHED:
            taken.append(timed())
    return sum(taken) / len(taken)


def time_network(
    name: str, classes: int, size: int, config: EvaluationConfig
) -> tuple[float, float]:
    """Return the seconds per image that a network takes to train on it, and to classify it.

    Args:
        name: A name of `NETWORKS`.
        classes: Number of classes.
        size: Side of the images, in pixels.
        config: Precision, device and threads of the trainings.
    """
    import torch
    import torch.nn.functional as F

    from mgd3_kedro.devices import reproducible, resolve_device
    from mgd3_kedro.evaluation import build_network
    from mgd3_kedro.evaluation.passes import Passes

    device = resolve_device(config.device)
    with torch.random.fork_rng():
        network = build_network(name, classes, size).to(device)
    passes = Passes(network, config.number_format, device)
    images = torch.zeros(SAMPLES, 3, size, size, device=device)
    labels = torch.zeros(SAMPLES, dtype=torch.int64, device=device)
    # A training has a limited number of threads: on all cores a batch takes less time.
    with reproducible(config.threads):
        trained = time_samples(
            lambda: passes.backward(images, lambda out, rows: F.cross_entropy(out, labels[rows]))
        )
        return trained, time_samples(lambda: passes.logits_of(images))
