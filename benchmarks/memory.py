"""Memory of a graphics card that drawing takes."""

from __future__ import annotations

import gc
from collections.abc import Callable

import torch

from benchmarks.models import Bench, Work, draw, load_dit
from benchmarks.timing import Spread
from mgd3_kedro.backbones import load_backbone


def measure_peak_memory(bench: Bench, work: Work) -> Spread:
    """Return the peak of allocated memory during drawing in GiB, including weights."""
    # Otherwise models of earlier measurements would be counted.
    load_backbone.cache_clear()
    gc.collect()
    torch.cuda.empty_cache()
    backbone = load_dit(bench, work)
    draw(backbone, work)  # memory for compilation does not count
    return peak_while(lambda: draw(backbone, work))


def peak_while(function: Callable[[], object]) -> Spread:
    """Return the peak of allocated memory of a graphics card during a call, in GiB."""
    torch.cuda.reset_peak_memory_stats()
    function()
    peak = torch.cuda.max_memory_allocated() / 2**30
    return Spread(peak, peak, peak)
