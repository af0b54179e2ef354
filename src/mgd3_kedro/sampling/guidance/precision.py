"""The precision of sums over a class."""

from __future__ import annotations

import torch


def precise(values: torch.Tensor) -> torch.Tensor:
    """Return values in double precision, or in single precision on MPS, which has no doubles."""
    return values.float() if values.device.type == "mps" else values.double()
