"""Batches whose results do not depend on their size."""

from __future__ import annotations

import torch

CPU_ROW_TILE = 16


def row_tile(device: torch.device) -> int:
    """Return what the number of rows of a network's input is brought to a multiple of.

    On the CPU, samples then have the same bits in every batch. The kernels of a GPU are chosen by
    the whole size of a product, so that there the last bits depend on the batch anyway, and rows
    would be wasted.
    """
    return CPU_ROW_TILE if device.type == "cpu" else 1
