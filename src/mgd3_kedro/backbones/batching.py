"""Batches whose results do not depend on their size."""

from __future__ import annotations

import torch

ROW_TILE = 4
"""Batch sizes are brought to a multiple of this."""


def pad_batch(batch: torch.Tensor, multiple: int) -> torch.Tensor:
    """Repeat the last row until the batch size is a multiple.

    Matrix kernels treat the rows left over from their tile with other instructions, which changes
    the last bits of those rows; without leftovers a sample does not depend on its batch.

    Source: ours.
    """
    missing = -len(batch) % multiple
    return torch.cat([batch, batch[-1:].expand(missing, *batch.shape[1:])]) if missing else batch
