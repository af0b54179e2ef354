"""Peak operations of graphics cards, and operations of a model."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType

import torch
from torch.utils.flop_counter import FlopCounterMode

BF16_TERAFLOPS = MappingProxyType(
    {
        "B200": 2250.0,
        "H200 NVL": 835.5,
        "H200": 989.5,
        "H100 NVL": 835.5,
        "H100 PCIe": 756.0,
        "H100": 989.5,
        "A100": 312.0,
        "A10G": 70.0,
        "A10": 125.0,
        "L40S": 362.0,
        "L4": 121.0,
        "RTX 5090": 209.5,
        "RTX 4090": 165.2,
        "RTX 3090": 71.0,
    }
)
"""Part of the name of a card -> its peak for dense bf16 products with float32 accumulation, from
NVIDIA's data sheets; half of the value if they only give it for sparse products. A10G: AWS' page
on G5."""


def find_peak(name: str) -> float | None:
    """Return the peak bf16 operations per second of a card; None if it is not known.

    Args:
        name: Name of the card, as the driver reports it.

    Source: NVIDIA's data sheets.
    """
    words = name.split()
    for part, peak in BF16_TERAFLOPS.items():
        # Compare with whole parts of a name: "A100-SXM4-80GB" has "A100", and "A10" is not "A100".
        first, *others = part.split()
        if any(word.split("-")[0] == first for word in words) and set(others) <= {*words}:
            return 1e12 * peak
    return None


def count_operations(function: Callable[[], object]) -> int:
    """Return the operations of matrix products in a call, two for each multiply-add.

    Source: PyTorch's `FlopCounterMode`.
    """
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        function()
    return int(counter.get_total_flops())
