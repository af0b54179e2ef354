"""How long a small batch of some work takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mgd3_kedro.evaluation import EvaluationConfig

SAMPLES = 16
"""Of a batch that is timed: on a CPU, fewer take as long."""
LONG_ENOUGH = 2.0
"""Seconds of the first batch from which on it is not tried again, although the first is slower."""
WATCHED = 0.5
"""Seconds that a batch is computed over and over."""


def time_samples(function: Callable[[], object]) -> float:
    """Return the seconds that one of `SAMPLES` samples takes.

    Args:
        function: Computes them; on a GPU, until they are there.
    """
    return time_call(function) / SAMPLES


def time_call(function: Callable[[], object]) -> float:
    """Return the seconds that a call takes, the mean of several where it is short.

    Networks that are to be compiled are not: that takes longer than all batches that are timed,
    and the run has others.

    Args:
        function: Its first call is slower than others and does not count, unless it takes long.
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
        # A machine with other work to do is quick for a moment, and slow in the next.
        taken = [timed()]
        while sum(taken) < WATCHED:
            taken.append(timed())
    return sum(taken) / len(taken)


def time_network(
    name: str, classes: int, size: int, config: EvaluationConfig
) -> tuple[float, float]:
    """Return the seconds that a network takes of an image: trained on, and classified.

    Args:
        name: Of `NETWORKS`.
        classes: That it tells apart.
        size: Side of the images, in pixels.
        config: Precision, device and threads, as trainings have them.
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
    # A training has threads of its own: on all cores a batch takes less.
    with reproducible(config.threads):
        trained = time_samples(
            lambda: passes.backward(images, lambda out, rows: F.cross_entropy(out, labels[rows]))
        )
        return trained, time_samples(lambda: passes.logits_of(images))
