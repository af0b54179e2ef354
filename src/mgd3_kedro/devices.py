"""Where tensors are computed, and what a computation may change about the process meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

DEVICES = ("auto", "cpu", "cuda", "mps")


def resolve_device(name: str) -> torch.device:
    """Return a device by name; "auto" takes an accelerator if there is one.

    Raises:
        ValueError: If the machine has no such device.

    Source: ours.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    present = [device for device, found in there.items() if found] + ["cpu"]
    if name == "auto":
        return torch.device(present[0])
    if name not in present:
        raise ValueError(f"device: expected one of auto, {', '.join(present)} here, got {name!r}")
    return torch.device(name)


@contextmanager
def reproducible(threads: int | None) -> Iterator[None]:
    """Have cuDNN choose deterministic kernels, and set the CPU threads; restore both after.

    Args:
        threads: CPU threads; None leaves PyTorch's.

    Source: ours.
    """
    cudnn = torch.backends.cudnn
    threads_before = torch.get_num_threads()
    cudnn_before = cudnn.deterministic, cudnn.benchmark
    try:
        cudnn.deterministic, cudnn.benchmark = True, False
        if threads is not None:
            torch.set_num_threads(threads)
        yield
    finally:
        cudnn.deterministic, cudnn.benchmark = cudnn_before
        torch.set_num_threads(threads_before)
