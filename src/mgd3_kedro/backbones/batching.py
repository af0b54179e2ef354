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


def pad_batch(batch: torch.Tensor, multiple: int) -> torch.Tensor:
    """Repeat the last row until the batch size is a multiple.

    Matrix kernels treat the rows left over from their tile with other instructions, which changes
    the last bits of those rows; without leftovers a sample does not depend on its batch.
    """
    missing = -len(batch) % multiple
    return torch.cat([batch, batch[-1:].expand(missing, *batch.shape[1:])]) if missing else batch
