"""Batches whose results do not depend on their size."""

from __future__ import annotations

import torch

CPU_ROW_TILE = 16


def row_tile(device: torch.device) -> int:
    """Return the number such that the rows of a network's input are padded to a multiple of it.

    On the CPU, a sample then has the same bits in every batch. On a GPU, kernels depend on the
    whole size of a product, so the last bits depend on the batch anyway and padding would be
    wasted: the number is 1.
    """
    return CPU_ROW_TILE if device.type == "cpu" else 1
