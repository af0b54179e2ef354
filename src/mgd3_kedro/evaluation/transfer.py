"""Numbers drawn on the CPU, on their way to where images are."""

from __future__ import annotations

import torch


def send(values: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Return a CPU tensor on a device; a graphics card is not waited for."""
    # Only CUDA reads the source before the call returns.
    return values.to(device, non_blocking=device.type == "cuda")
