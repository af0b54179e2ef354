"""What graphics cards are said to compute, and what a model asks for."""

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
"""Part of the name of a card -> its peak for dense products in bf16 that add up in float32, from
NVIDIA's data sheets; where they name sparse products, half of it. A10G: AWS' page on G5."""


def find_peak(name: str) -> float | None:
    """Return the bf16 operations per second that a card is said to do; None if it is not known.

    Args:
        name: Of the card, as the driver says it.

    Source: NVIDIA's data sheets.
    """
    words = name.split()
    for part, peak in BF16_TERAFLOPS.items():
        # "A100-SXM4-80GB" is one word, and "A10" is no "A100".
        first, *others = part.split()
        if any(word.split("-")[0] == first for word in words) and set(others) <= {*words}:
            return 1e12 * peak
    return None


def count_operations(function: Callable[[], object]) -> int:
    """Return the floating-point operations of products in a call, two for each multiply-add.

    Source: PyTorch's `FlopCounterMode`.
    """
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        function()
    return int(counter.get_total_flops())
